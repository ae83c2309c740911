"""What comes over a link: bytes become messages, and pixels go straight to where they are to be read."""

from collections.abc import Callable, Sequence
from socket import socket

from framewire.pipeline.link.outgoing import (
    CHUNK_BYTES,
    COUNT,
    LENGTH_BYTES,
    PART_BYTES_MAX,
    PARTS_MAX,
    lengths_format,
)
from framewire.pipeline.link.seal import TAG_BYTES, BrokenSealError, Sealed
from framewire.pipeline.wire.inbox import MESSAGE_BYTES_MAX

HEADER_BYTES_MAX = 2 * MESSAGE_BYTES_MAX
"""A message between workers, and what is around it."""
BUFFER_BYTES = 2 * CHUNK_BYTES
AHEAD_BYTES = 4096
"""Read at once where nothing is sealed: what follows a header is to be received where it belongs, not copied there."""

Place = Callable[[bytes, Sequence[int]], Sequence[memoryview | None]]
"""(header, sizes of the other parts) -> where each is to go, writable and of exactly that size; None: nowhere."""


class LinkEndedError(Exception):
    """The other end has closed the connection, or has sent what no end of a link sends."""


class _Filling:
    """A part that is on its way: `target` None throws it away."""

    def __init__(self, size: int, target: memoryview | None) -> None:
        self.left = size
        self.target = target

    def next(self, size: int) -> memoryview | None:
        """Where the next so many bytes belong."""
        if self.target is None:
            return None
        done = self.target.nbytes - self.left
        return self.target[done : done + size]


class Incoming:
    """Reads from a socket as much as is there, and gives messages whole.

    Example:
        incoming = Incoming(place, seal)
        incoming.receive(socket)        # the header of the next message, its parts placed; None: not all is there yet
    """

    def __init__(self, place: Place, seal: Sealed | None = None) -> None:
        self.seal = seal
        """Set before anything is received; without it, parts come as they are."""
        self._place = place
        self._buffer = bytearray(BUFFER_BYTES)
        self._view = memoryview(self._buffer)
        self._start = self._end = 0
        self._count = 0
        self._sizes: tuple[int, ...] = ()
        self._bound = b""
        self._header = bytearray()
        self._is_placed = False
        self._parts: list[_Filling] = []
        self.received_bytes = 0

    def receive(self, socket: socket) -> bytes | None:
        """The header of the next message. Raises LinkEndedError, OSError."""
        while True:
            if self._step():
                self._count, self._sizes = 0, ()
                return bytes(self._header)
            try:
                self._read(socket)
            except BlockingIOError:
                return None

    def _step(self) -> bool:
        """Make of the buffer what can be made; true if a message is whole."""
        if not self._count:
            if self._held < COUNT.size:
                return False
            (self._count,) = COUNT.unpack(self._took(COUNT.size))
            if not 0 < self._count <= PARTS_MAX:
                raise LinkEndedError("a message of no part, or of too many")
        if not self._sizes:
            if self._held < LENGTH_BYTES * self._count:
                return False
            self._lengths(bytes(self._took(LENGTH_BYTES * self._count)))
        while self._parts:
            if not self._fill(self._parts[0]):
                return False
            self._parts.pop(0)
            if not self._is_placed:
                self._place_rest()
        return True

    def _place_rest(self) -> None:
        """The header is here: find out where the other parts belong."""
        self._is_placed = True
        sizes = self._sizes[1:]
        if sizes:
            targets = self._place(bytes(self._header), sizes)
            self._parts = [_Filling(*one) for one in zip(sizes, targets, strict=True)]

    def _lengths(self, raw: bytes) -> None:
        self._sizes = lengths_format(self._count).unpack(raw)
        if self._sizes[0] > HEADER_BYTES_MAX or not 0 < min(self._sizes) <= max(self._sizes) <= PART_BYTES_MAX:
            raise LinkEndedError("a part is empty, or too large")
        self._bound = COUNT.pack(self._count) + raw
        self._header, self._is_placed = bytearray(self._sizes[0]), False
        self._parts = [_Filling(self._sizes[0], memoryview(self._header))]

    def _fill(self, part: _Filling) -> bool:
        """Fill a part from the buffer; true once it is whole."""
        while part.left:
            if self.seal is not None:
                size = min(part.left, CHUNK_BYTES)
                if self._held < size + TAG_BYTES:
                    return False
                self._open(self.seal, self._took(size + TAG_BYTES), part.next(size), size)
            else:
                size = min(part.left, self._held)
                if not size:
                    return False
                taken, target = self._took(size), part.next(size)
                if target is not None:
                    target[:] = taken
            part.left -= size
        return True

    def _open(self, seal: Sealed, sealed: memoryview, target: memoryview | None, size: int) -> None:
        try:
            seal.open(sealed, self._bound, target if target is not None else memoryview(bytearray(size)))
        except BrokenSealError as error:
            raise LinkEndedError("what came was not sealed by the other end") from error
        self._bound = b""

    def _read(self, socket: socket) -> None:
        """Read once, into the part that is on its way if nothing has to be opened. Raises BlockingIOError."""
        part = self._parts[0] if self._parts else None
        if part is not None and self.seal is None and (target := part.next(part.left)) is not None:
            got = socket.recv_into(target)
            part.left -= got
        else:
            if self._end > BUFFER_BYTES - CHUNK_BYTES - TAG_BYTES:
                self._make_room()
            most = BUFFER_BYTES if self.seal is not None or part is not None else AHEAD_BYTES
            got = socket.recv_into(self._view[self._end : self._end + most])
            self._end += got
        if not got:
            raise LinkEndedError("the other end has closed the connection")
        self.received_bytes += got

    def _make_room(self) -> None:
        held = bytes(self._view[self._start : self._end])
        self._buffer[: len(held)] = held
        self._start, self._end = 0, len(held)

    @property
    def _held(self) -> int:
        return self._end - self._start

    def _took(self, size: int) -> memoryview:
        taken = self._view[self._start : self._start + size]
        self._start += size
        if self._start == self._end:
            self._start = self._end = 0
        return taken
