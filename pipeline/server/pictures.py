"""Live pictures of every stream: kept small, made once for all viewers, and only while somebody watches."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from importlib.metadata import entry_points
from typing import Any

import numpy as np
from msgspec import Struct

from framewire.pipeline.frame.packet import FRAME, Packet
from framewire.pipeline.wire.message import Seen

PAINTERS = "framewire.painters"
"""The entry-point group in which a package registers a painter: see Paint. The engine itself has none."""
Paint = Callable[[Any, Packet, int], bytes]
"""(pixels uint8 (h, w, 3) BGR, packet, step) -> JPEG: draws the packet's boxes unless a stage has drawn already."""
WATCHED_S = 3.0
"""A stream counts as watched this long after its last request."""
LOOK_AGAIN_S = 1.0
WAIT_S = 2.0
"""A request for a new picture times out after this long, and the viewer asks again."""
WIDTHS = ((2, 1280), (6, 960), (10**6, 640))
"""(streams, width): how wide pictures are while up to that many are watched."""


class _Newest(Struct):
    number: int
    seen: Seen
    jpeg: bytes | None = None


class Pictures:
    """The newest picture of each stream. All methods run in one asyncio loop."""

    def __init__(
        self, look: Callable[[int], None], paint: Paint | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`look(width)` asks the pipeline to send pictures for a while."""
        self._look = look
        self._paint = paint
        self._clock = clock
        self._newest: dict[str, _Newest] = {}
        self._watched: dict[str, float] = {}
        self._looked = -LOOK_AGAIN_S
        self._come = asyncio.Condition()

    async def take(self, seen: Seen) -> None:
        """Take a picture from a sink. Of a stream's sinks, the one with the most drawn over it is shown."""
        stream = seen.packet.stream
        known = self._newest.get(stream)
        if known is not None and seen.sink != known.seen.sink and _drawn(seen) <= _drawn(known.seen):
            return
        async with self._come:
            self._newest[stream] = _Newest(known.number + 1 if known else 1, seen)
            self._come.notify_all()

    async def next(self, stream: str, after: int) -> tuple[int, bytes] | None:
        """Number and JPEG of the newest picture whose number is not `after`; None on timeout."""
        self._asked(stream)
        try:
            async with asyncio.timeout(WAIT_S), self._come:
                await self._come.wait_for(lambda: stream in self._newest and self._newest[stream].number != after)
        except TimeoutError:
            return None
        newest = self._newest[stream]
        if newest.jpeg is None:
            newest.jpeg = await asyncio.to_thread(self._painted, newest.seen)
        return newest.number, newest.jpeg

    async def all(self, stream: str) -> AsyncIterator[bytes]:
        """JPEG after JPEG, for as long as the viewer stays."""
        number = 0
        while True:
            found = await self.next(stream, number)
            if found is not None:
                number, jpeg = found
                yield jpeg

    def _asked(self, stream: str) -> None:
        now = self._clock()
        self._watched[stream] = now
        if now - self._looked >= LOOK_AGAIN_S:
            self._looked = now
            self._watched = {name: at for name, at in self._watched.items() if now - at < WATCHED_S}
            self._look(next(width for streams, width in WIDTHS if len(self._watched) <= streams))

    def _painted(self, seen: Seen) -> bytes:
        assert self._paint is not None
        pixels = np.frombuffer(seen.pixels, np.uint8).reshape(seen.height, seen.width, -1)
        return self._paint(pixels, seen.packet, seen.step)

    @property
    def possible(self) -> bool:
        """Whether there is a painter."""
        return self._paint is not None


def find_painter() -> Paint | None:
    """The first painter that an installed package registers."""
    for point in entry_points(group=PAINTERS):
        paint: Paint = point.load()
        return paint
    return None


def _drawn(seen: Seen) -> int:
    ref = seen.packet.pictures.get(FRAME)
    return ref.generation if ref is not None else -1
