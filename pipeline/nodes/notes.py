"""Notes of the frames that a worker has in hand, in memory that outlives it: they show which frames killed it.

The worker writes; the supervisor maps the same memfd as soon as the worker is ready, and reads it when the worker
has died. Each note is written in full before its length, so a torn one reads as none.
"""

import mmap
import os

import msgspec
from msgspec import Struct

NOTES_BYTES = 4096
"""Room for about twenty frames: a batch, or a chain of fused stages."""
_LENGTH_BYTES = 4


class FrameInHand(Struct, frozen=True, array_like=True):
    """A frame that a stage is working on."""

    stage: str
    stream: str
    seq: int


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[FrameInHand])


class Notes:
    """The worker's side."""

    def __init__(self) -> None:
        self.fd = os.memfd_create("framewire-notes", os.MFD_CLOEXEC)
        os.ftruncate(self.fd, NOTES_BYTES)
        self._memory = mmap.mmap(self.fd, NOTES_BYTES)

    def take(self, frames: list[FrameInHand]) -> None:
        """Note the frames about to be processed, replacing earlier notes."""
        raw = _encoder.encode(frames)
        self._memory[:_LENGTH_BYTES] = bytes(_LENGTH_BYTES)
        if len(raw) <= NOTES_BYTES - _LENGTH_BYTES:
            self._memory[_LENGTH_BYTES : _LENGTH_BYTES + len(raw)] = raw
            self._memory[:_LENGTH_BYTES] = len(raw).to_bytes(_LENGTH_BYTES, "little")

    def put_down(self) -> None:
        """Nothing is in hand."""
        self._memory[:_LENGTH_BYTES] = bytes(_LENGTH_BYTES)


class NotesReader:
    """The supervisor's side: maps the notes of a live worker, reads them after its death."""

    def __init__(self, pid: int, fd: int) -> None:
        opened = os.open(f"/proc/{pid}/fd/{fd}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._memory = mmap.mmap(opened, NOTES_BYTES, prot=mmap.PROT_READ)
        finally:
            os.close(opened)

    def in_hand(self) -> list[FrameInHand]:
        """The frames the worker had in hand; none if the note is torn."""
        length = int.from_bytes(self._memory[:_LENGTH_BYTES], "little")
        if not 0 < length <= NOTES_BYTES - _LENGTH_BYTES:
            return []
        try:
            return _decoder.decode(self._memory[_LENGTH_BYTES : _LENGTH_BYTES + length])
        except msgspec.DecodeError:
            return []
