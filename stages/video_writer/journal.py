"""The file that a video grows in: fragments that are complete or absent, each with the frames it covers.

It is a fragmented MP4 or QuickTime file, so any player opens it after a crash. Each fragment follows a `free` box,
which players skip, with what is needed to resume after a crash. The first one that has pictures carries the file's
header.
"""

import errno
import mmap
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from framewire.pipeline.disk import is_still_at, sync_folder
from framewire.stages.video_writer import mp4_box
from framewire.stages.video_writer.fragment_encoder import Layout

_MAGIC = b"FWSG"


class Marker(Struct, frozen=True, array_like=True):
    """What a fragment covers: frames from `first_seq` to below `end_seq`; times in units of the file's timescale.

    `offset` was added to the stream's timestamps; `last_time` is that of the last picture so far; `layout` is None
    until there is a picture; `content_bytes` follow this marker in the file.
    """

    first_seq: int
    end_seq: int
    offset: int = 0
    last_time: int = -1
    layout: Layout | None = None
    content_bytes: int = 0


class JournalError(ValueError):
    """The journal on disk is not as expected."""


class Journal:
    """Appends fragments; `mark` is the seq below which every frame is in it."""

    def __init__(self, path: Path, mark: int = 0, first: int = 0, to_disk: bool = False) -> None:
        """Start an empty journal at frame `first`, or, with a later `mark`, cut a dead worker's back to there.

        With `to_disk`, a fragment is appended only once the disk has it. Raises JournalError, OSError.
        """
        self.path = path
        self._to_disk = to_disk
        self.marker = Marker(first, first)
        self.header = b""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("r+b" if mark > first else "wb", buffering=0)
        if mark > first:
            self._cut_back(mark)
        elif to_disk:
            sync_folder(path.parent)

    @property
    def size(self) -> int:
        """Its size in bytes."""
        return self._file.tell()

    @property
    def mark(self) -> int:
        """Every frame below this is in the journal."""
        return self.marker.end_seq

    def append(self, marker: Marker, movie: bytes = b"", first_time: int = 0) -> None:
        """Add a fragment: `movie` is a small fragmented file of its own, empty if no frame had a picture.

        `first_time` is that of its first picture. Raises OSError, BoxError.
        """
        content = b""
        if movie:
            assert marker.layout is not None
            if mp4_box.timescale(movie) != marker.layout.timescale:
                raise mp4_box.BoxError("the muxer has chosen another timescale")
            split = mp4_box.find(movie, b"moof").start
            fragment = bytearray(movie[split:])
            mp4_box.set_decode_time(fragment, first_time)
            content = (b"" if self.header else movie[:split]) + bytes(fragment)
        marker = msgspec.structs.replace(marker, content_bytes=len(content))
        view = memoryview(mp4_box.make(b"free", _MAGIC + msgspec.msgpack.encode(marker)) + content)
        start = self._file.tell()
        try:
            if not is_still_at(self._file.fileno(), self.path):
                raise OSError(errno.ENOENT, "it was moved or deleted, or its disk is gone", str(self.path))
            while view:
                view = view[self._file.write(view) :]
            if self._to_disk:
                os.fdatasync(self._file.fileno())
        except OSError as error:
            # What a full disk took of it is no fragment.
            self._file.truncate(start)
            self._file.seek(start)
            raise OSError(error.errno, error.strerror, str(self.path)) from error
        self.marker = marker
        self.header = self.header or (movie[:split] if movie else b"")

    def close(self) -> None:
        """Close the file, keep it."""
        self._file.close()

    def _cut_back(self, mark: int) -> None:
        end = 0
        for record in _records_in(self.path):
            if record.marker.end_seq > mark:
                break
            self.header = self.header or record.header
            self.marker = record.marker
            end = record.end
        if self.mark != mark:
            raise JournalError(f"{self.path} holds frames up to {self.mark}, not up to {mark}")
        self._file.seek(end)
        self._file.truncate()


def cut_torn_end(path: Path) -> Marker | None:
    """Remove what follows the last whole fragment; returns that one's marker, None if there is none. Raises OSError."""
    last = max(_records_in(path), key=lambda record: record.end, default=None)
    os.truncate(path, last.end if last is not None else 0)
    return last.marker if last is not None else None


def is_journal(path: Path) -> bool:
    """Whether a file begins as a journal does. Raises OSError."""
    with path.open("rb") as file:
        return file.read(8 + len(_MAGIC))[4:] == b"free" + _MAGIC


class _Record(Struct, frozen=True):
    marker: Marker
    header: bytes
    end: int


def _records_in(path: Path) -> Iterator[_Record]:
    if not path.stat().st_size:
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        yield from _records(data)


def _records(data: mmap.mmap) -> Iterator[_Record]:
    """Each whole record, in order, up to the first that is torn."""
    at = 0
    while (box := next(mp4_box.boxes(data, at), None)) is not None:
        if box.kind != b"free" or data[box.body : box.body + len(_MAGIC)] != _MAGIC:
            return
        try:
            marker = msgspec.msgpack.decode(data[box.body + len(_MAGIC) : box.end], type=Marker)
        except msgspec.DecodeError:
            return
        at = box.end + marker.content_bytes
        if at > len(data):
            return
        header_end = next((inner.start for inner in mp4_box.boxes(data, box.end, at) if inner.kind == b"moof"), at)
        yield _Record(marker, data[box.end : header_end], at)
