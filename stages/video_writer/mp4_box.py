"""The boxes that an MP4 or QuickTime file is made of (ISO/IEC 14496-12, section 4.2): finding and patching them."""

from collections.abc import Iterator
from mmap import mmap

from msgspec import Struct

HEADER_BYTES = 8
_LARGE_HEADER_BYTES = 16
_FULL_BOX_BYTES = 4  # version and flags


class BoxError(ValueError):
    """Not a box, or not the expected one."""


class Box(Struct, frozen=True):
    """A box: four letters, and where its body lies."""

    kind: bytes
    start: int
    body: int
    end: int


def boxes(data: bytes | bytearray | mmap, start: int = 0, end: int | None = None) -> Iterator[Box]:
    """The complete consecutive boxes from `start`; a torn one at the end is left out."""
    limit = len(data) if end is None else end
    while start + HEADER_BYTES <= limit:
        size = int.from_bytes(data[start : start + 4], "big")
        kind = bytes(data[start + 4 : start + 8])
        body = start + HEADER_BYTES
        if size == 1:
            size = int.from_bytes(data[body : body + 8], "big")
            body = start + _LARGE_HEADER_BYTES
        if size < body - start or start + size > limit:
            return
        yield Box(kind, start, body, start + size)
        start += size


def find(data: bytes | bytearray, *path: bytes) -> Box:
    """The first box at a path such as moov, trak, mdia, mdhd. Raises BoxError."""
    start, end = 0, len(data)
    found: Box | None = None
    for kind in path:
        found = next((box for box in boxes(data, start, end) if box.kind == kind), None)
        if found is None:
            raise BoxError(f"no box {b'/'.join(path).decode()}")
        start, end = found.body, found.end
    if found is None:
        raise BoxError("no path")
    return found


def make(kind: bytes, body: bytes) -> bytes:
    """A box with this body."""
    return (HEADER_BYTES + len(body)).to_bytes(4, "big") + kind + body


def timescale(header: bytes) -> int:
    """Units per second of the first track of a file that begins with ftyp and moov. Raises BoxError."""
    box = find(header, b"moov", b"trak", b"mdia", b"mdhd")
    times = 16 if header[box.body] == 1 else 8  # two times of 64 or 32 bits
    at = box.body + _FULL_BOX_BYTES + times
    return int.from_bytes(header[at : at + 4], "big")


def set_decode_time(fragment: bytearray, time: int) -> None:
    """Set a moof's first decode time (tfdt), in units of the timescale. Raises BoxError."""
    box = find(fragment, b"moof", b"traf", b"tfdt")
    at = box.body + _FULL_BOX_BYTES
    width = 8 if fragment[box.body] == 1 else 4
    if time >= 1 << (8 * width):
        raise BoxError(f"the time {time} does not fit into the fragment")
    fragment[at : at + width] = time.to_bytes(width, "big")
