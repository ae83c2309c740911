"""Notes of the frames that a worker has in hand, in memory that outlives it: they show which frames killed it.

The worker writes; the supervisor maps the same memfd as soon as the worker is ready. It reads it when the worker has
died, and now and then while it lives, to see what is stuck. Each note is written in full before its length, so a torn
one reads as none.
"""

import mmap
import os
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
from msgspec import Struct

NOTES_BYTES = 2**16
"""Room for the largest batch with the longest names."""
_LENGTH_BYTES = 4
_SINCE = struct.Struct("<d")
_TEXT = _LENGTH_BYTES + _SINCE.size
_NOT_TIMED = 0.0


class FrameInHand(Struct, frozen=True, array_like=True):
    """A frame that a stage is working on."""

    stage: str
    stream: str
    seq: int


class Call(Struct, frozen=True):
    """A call in progress: its frames, and since when, by the monotonic clock; None if it may take any time."""

    frames: list[FrameInHand]
    since: float | None


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[FrameInHand])


class Notes:
    """The worker's side."""

    def __init__(self) -> None:
        self.fd = os.memfd_create("framewire-notes", os.MFD_CLOEXEC)
        os.ftruncate(self.fd, NOTES_BYTES)
        self._memory = mmap.mmap(self.fd, NOTES_BYTES)

    def take(self, frames: list[FrameInHand], now: float | None = None) -> None:
        """Note the frames about to be processed, from `now` on by the monotonic clock, replacing earlier notes."""
        raw = _encoder.encode(frames)
        self._memory[:_LENGTH_BYTES] = bytes(_LENGTH_BYTES)
        if len(raw) <= NOTES_BYTES - _TEXT:
            self._memory[_LENGTH_BYTES : _TEXT + len(raw)] = _SINCE.pack(now or time.monotonic()) + raw
            self._memory[:_LENGTH_BYTES] = len(raw).to_bytes(_LENGTH_BYTES, "little")

    def put_down(self) -> None:
        """Nothing is in hand."""
        self._memory[:_LENGTH_BYTES] = bytes(_LENGTH_BYTES)

    @contextmanager
    def untimed(self) -> Iterator[None]:
        """For work on the frames in hand that may take long: it is not stuck."""
        _SINCE.pack_into(self._memory, _LENGTH_BYTES, _NOT_TIMED)
        try:
            yield
        finally:
            _SINCE.pack_into(self._memory, _LENGTH_BYTES, time.monotonic())


class NotesReader:
    """The supervisor's side: maps the notes of a live worker, and reads them after its death, too."""

    def __init__(self, pid: int, fd: int) -> None:
        opened = os.open(f"/proc/{pid}/fd/{fd}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._memory = mmap.mmap(opened, NOTES_BYTES, prot=mmap.PROT_READ)
        finally:
            os.close(opened)

    def in_hand(self) -> list[FrameInHand]:
        """The frames the worker has in hand, or had when it died; none if the note is torn."""
        length = int.from_bytes(self._memory[:_LENGTH_BYTES], "little")
        if not 0 < length <= NOTES_BYTES - _TEXT:
            return []
        try:
            return _decoder.decode(self._memory[_TEXT : _TEXT + length])
        except msgspec.DecodeError:
            return []

    def call(self) -> Call | None:
        """The call in progress; None if there is none, or it has just changed."""
        (since,) = _SINCE.unpack_from(self._memory, _LENGTH_BYTES)
        frames = self.in_hand()
        if not frames or _SINCE.unpack_from(self._memory, _LENGTH_BYTES) != (since,):
            return None
        return Call(frames, None if since == _NOT_TIMED else since)
