"""One connection to the server: how many there may be, and how long one may keep us waiting."""

import asyncio
import resource
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

CONNECTIONS_MAX = 256
"""A page holds two for each stream it shows; browsers open at most six to one address."""
OF_ITSELF = 64
"""Files that the server has open besides its connections, and some to spare."""
WAIT_S = 15.0
"""How long a connection may wait for its other end: to finish a request, to send the next, or to read an answer."""


def connections_max() -> int:
    """How many connections there may be: fewer where the limit of open files is low."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(8, min(CONNECTIONS_MAX, (limit - OF_ITSELF) // 2))


class BoundedConnection(H11Protocol):
    """Closes after WAIT_S of waiting for its other end, or at once when there are too many and it has waited longest.

    A request that comes in byte by byte is waited for all the same: only a whole one counts.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._waits_since: float | None = None
        self._giving_up: asyncio.TimerHandle | None = None
        self._most = connections_max()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See asyncio.Protocol."""
        super().connection_made(transport)
        self._wait()
        if len(self.connections) > self._most:
            # This one waits, too: there is always one to close.
            waiting = [other for other in self.connections if isinstance(other, BoundedConnection)]
            min(waiting, key=BoundedConnection.waits_since).give_up()

    def waits_since(self) -> float:
        """Since when it has waited, by the loop's clock; infinity if it is at work."""
        return float("inf") if self._waits_since is None else self._waits_since

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        """See H11Protocol. It may begin on a request that came with the last one."""
        self._wait()
        super().on_response_complete()
        self._look()

    def pause_writing(self) -> None:
        """See asyncio.Protocol: the other end does not read."""
        super().pause_writing()
        self._wait()

    def resume_writing(self) -> None:
        """See asyncio.Protocol."""
        super().resume_writing()
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._go_on()
        super().connection_lost(exc)

    def give_up(self) -> None:
        """Close it, whatever has not been sent."""
        # A closing connection is still counted: it must not be chosen again.
        self.connections.discard(self)
        self.transport.abort()

    def _look(self) -> None:
        """Wait no longer if there is an answer to give, and somebody who takes it."""
        is_answering = self.cycle is not None and not self.cycle.response_complete
        if is_answering and not self.flow.write_paused:
            self._go_on()

    def _wait(self) -> None:
        self._go_on()
        self._waits_since = self.loop.time()
        self._giving_up = self.loop.call_later(WAIT_S, self.give_up)

    def _go_on(self) -> None:
        self._waits_since = None
        if self._giving_up is not None:
            self._giving_up.cancel()
            self._giving_up = None
