"""The events of a run as Server-Sent Events: those that are kept, then each as it comes."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable

import msgspec

from framewire.pipeline.frame.happening import KEPT, Happening
from framewire.pipeline.result.event_line import event_line

PING_S = 15.0
"""A comment is sent after so much silence: proxies close what seems dead, and we notice who has left."""


class Events:
    """What has happened, and who waits for more."""

    def __init__(self) -> None:
        self._kept: deque[tuple[int, bytes]] = deque(maxlen=KEPT)
        self._changed = asyncio.Condition()

    @property
    def newest(self) -> int:
        """The number of the newest event; 0 if there was none."""
        return self._kept[-1][0] if self._kept else 0

    async def take(self, happened: Iterable[tuple[int, Happening]]) -> None:
        """Take new events; those known already are left out."""
        async with self._changed:
            for number, happening in happened:
                if number > self.newest:
                    self._kept.append((number, msgspec.json.encode(event_line(number, happening))))
            self._changed.notify_all()

    async def since(self, number: int) -> AsyncIterator[bytes]:
        """All events after this one, for ever; from the oldest kept on if it is of another run."""
        at = number if number <= self.newest else 0
        while True:
            due = [(number, line) for number, line in self._kept if number > at]
            for at, line in due:
                yield b"id: %d\ndata: %b\n\n" % (at, line)
            if not due:
                yield b": nothing happens\n\n" if not await self._more(at) else b""

    async def _more(self, at: int) -> bool:
        """Wait for an event after this one; returns whether there is one."""
        async with self._changed:
            try:
                await asyncio.wait_for(self._changed.wait_for(lambda: self.newest > at), PING_S)
            except TimeoutError:
                return False
        return True
