"""What waits to be sent over a link, as the bytes that cross it.

A message is its parts, the first of which is its header: a count, their lengths, then the parts themselves. Where they
are sealed, each part is cut into chunks; the lengths stand in the clear, and the seal of the first chunk vouches for
them.
"""

import struct
from collections import deque
from collections.abc import Sequence
from socket import socket

from framewire.pipeline.link.seal import TAG_BYTES, Sealed

PARTS_MAX = 65
"""A header, and the pictures of one packet."""
PART_BYTES_MAX = 2**30
"""A picture of 16,384 x 16,384 pixels, and more."""
CHUNK_BYTES = 2**20
"""Sealed at once; the other end opens one while the next is sealed. A quarter of it costs a fifth more."""
COUNT = struct.Struct("!B")
LENGTH_BYTES = 4

Part = bytes | memoryview


def lengths_format(parts: int) -> struct.Struct:
    """How the lengths of so many parts are written."""
    return struct.Struct(f"!{parts}I")


class Outgoing:
    """Messages in order; sent as far as the socket takes them.

    Example:
        outgoing = Outgoing(seal)
        outgoing.put([header, pixels])      # nothing is copied: what is behind a part must not change meanwhile
        outgoing.send(socket)               # whether all has gone
    """

    def __init__(self, seal: Sealed | None = None) -> None:
        self.seal = seal
        """Set before anything is sent; without it, parts go as they are."""
        self._waiting: deque[list[memoryview]] = deque()
        """Messages of which nothing has been sent."""
        self._parts: deque[memoryview] = deque()
        """What is left of the one that is being sent, neither sealed nor sent."""
        self._ready: list[memoryview] = []
        self._scratch = bytearray(CHUNK_BYTES + TAG_BYTES)
        self._bound = b""
        self.sent_bytes = 0

    def put(self, parts: Sequence[Part]) -> None:
        """Send a message after those that wait; no part is empty."""
        self._waiting.append([memoryview(part).cast("B") for part in parts])

    def send(self, socket: socket) -> bool:
        """Send what it takes now; returns whether all has gone. Raises OSError once the connection is lost."""
        while self._ready or self._prepare():
            try:
                sent = socket.sendmsg(self._ready)
            except BlockingIOError:
                return False
            self.sent_bytes += sent
            self._advance(sent)
        return True

    def _prepare(self) -> bool:
        """Make something ready to be sent; false if there is nothing."""
        if not self._parts:
            if not self._waiting:
                return False
            self._parts.extend(self._waiting.popleft())
            sizes = [part.nbytes for part in self._parts]
            self._bound = COUNT.pack(len(sizes)) + lengths_format(len(sizes)).pack(*sizes)
            self._ready.append(memoryview(self._bound))
        if self.seal is not None:
            self._ready.append(self._next_sealed(self.seal))
        else:
            self._ready.extend(self._parts)
            self._parts.clear()
        return True

    def _next_sealed(self, seal: Sealed) -> memoryview:
        part = self._parts.popleft()
        if part.nbytes > CHUNK_BYTES:
            self._parts.appendleft(part[CHUNK_BYTES:])
        sealed = seal.seal(part[:CHUNK_BYTES], self._bound, self._scratch)
        self._bound = b""
        return sealed

    def _advance(self, sent: int) -> None:
        while self._ready and sent >= self._ready[0].nbytes:
            sent -= self._ready.pop(0).nbytes
        if sent:
            self._ready[0] = self._ready[0][sent:]
