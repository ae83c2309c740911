"""Shared memory for pixels: one process writes, any of the same user on this machine may read.

A ring is a memfd of its maker; a reader opens it through /proc/PID/fd/N. So there is no name to clean up, nothing
under /dev/shm, and the kernel frees it when the last process that maps it is gone, however it died.

Frame `seq` of a stream lies in slot `seq mod slots`. A source admits a frame only when the one `slots` earlier is
settled, so a slot is never written while anyone may read it: no locks, no reference counts. Each slot is stamped with
its seq; a reader checks the stamp before and after, and so knows when it came too late (which happens only to a packet
sent again after a crash, and to a sink that may skip).
"""

import mmap
import os
import secrets

import numpy as np
from numpy.typing import NDArray

from framewire.pipeline.frame.packet import PictureRef

Pixels = NDArray[np.uint8]
"""A picture: uint8, (height, width, 3) in BGR order or (height, width) grey."""

_MAGIC = 0x4652414D45574952  # "FRAMEWIR"
_HEADER_WORDS = 4  # magic, ring id, slots, slot bytes
_EMPTY = -1
_BEING_WRITTEN = -2


class PictureLostError(Exception):
    """The picture is gone: its process has ended, or its slot holds a later frame."""


class PictureElsewhereError(Exception):
    """The pixels have stayed on another machine, since no stage on this one was said to look at them."""


def _page_aligned(size: int) -> int:
    return -(-size // mmap.PAGESIZE) * mmap.PAGESIZE


class Ring:
    """The write side of a ring: `slots` pictures of at most `slot_bytes` each."""

    def __init__(self, slots: int, slot_bytes: int) -> None:
        self.id = secrets.randbits(62)
        self.slots = slots
        self.slot_bytes = slot_bytes
        self._stride = _page_aligned(slot_bytes)
        self._first = _page_aligned(8 * (_HEADER_WORDS + slots))
        # Unwritten pages take no memory.
        size = self._first + slots * self._stride
        self.fd = os.memfd_create(f"framewire-ring-{slots}x{slot_bytes}", os.MFD_CLOEXEC)
        os.ftruncate(self.fd, size)
        self._memory = mmap.mmap(self.fd, size)
        words = np.frombuffer(self._memory, np.int64, _HEADER_WORDS + slots)
        words[:_HEADER_WORDS] = (_MAGIC, self.id, slots, slot_bytes)
        self._stamps = words[_HEADER_WORDS:]
        self._stamps[:] = _EMPTY

    def holds(self, seq: int) -> bool:
        """Whether frame `seq` has a complete picture here."""
        return bool(self._stamps[seq % self.slots] == seq)

    def newer_than(self, seq: int) -> bool:
        """Whether the slot of frame `seq` already holds a later frame."""
        return bool(self._stamps[seq % self.slots] > seq)

    def begin(self, seq: int, height: int, width: int, channels: int, generation: int = 0) -> tuple[Pixels, PictureRef]:
        """A writable picture in the slot of frame `seq`, and the reference for its readers."""
        slot = seq % self.slots
        self._stamps[slot] = _BEING_WRITTEN
        offset = self._first + slot * self._stride
        ref = PictureRef(self.id, os.getpid(), self.fd, slot, seq, offset, height, width, channels, generation)
        return _pixels(self._memory, ref), ref

    def finish(self, seq: int) -> None:
        """Mark the picture of frame `seq` complete: from now on it may be read, and is never rewritten."""
        self._stamps[seq % self.slots] = seq

    def close(self) -> None:
        """Close the file; the memory is freed with the last array viewing it."""
        os.close(self.fd)


def _pixels(memory: mmap.mmap, ref: PictureRef) -> Pixels:
    shape = (ref.height, ref.width) if ref.channels == 1 else (ref.height, ref.width, ref.channels)
    flat = np.frombuffer(memory, np.uint8, ref.height * ref.width * ref.channels, ref.offset)
    return flat.reshape(shape)


class _MappedRing:
    """A ring of another process (or of this one), as a reader sees it."""

    def __init__(self, ref: PictureRef) -> None:
        try:
            # os.open, not pathlib: a few microseconds less for a first picture, and a plain descriptor.
            fd = os.open(f"/proc/{ref.pid}/fd/{ref.fd}", os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise PictureLostError(f"the process that made the picture is gone ({error})") from error
        try:
            size = os.fstat(fd).st_size
            if size < 8 * _HEADER_WORDS:
                raise PictureLostError("not a ring")
            self.memory = mmap.mmap(fd, size, prot=mmap.PROT_READ)
        except (OSError, ValueError) as error:
            raise PictureLostError(f"not a ring ({error})") from error
        finally:
            os.close(fd)
        header = np.frombuffer(self.memory, np.int64, _HEADER_WORDS)
        slots = int(header[2])
        if header[0] != _MAGIC or header[1] != ref.ring or not 0 < slots < size // 8:
            raise PictureLostError("the ring of the picture is gone")
        self.size = size
        self.slots = slots
        self.stamps = np.frombuffer(self.memory, np.int64, slots, 8 * _HEADER_WORDS)

    def stamped(self, ref: PictureRef) -> bool:
        return 0 <= ref.slot < self.slots and bool(self.stamps[ref.slot] == ref.seq)


MAPPED_RINGS_KEPT = 64
"""Rings that a reader keeps mapped: one per source and drawing stage of each stream a worker may see."""


class RingReader:
    """The read side of all rings that a process uses."""

    def __init__(self) -> None:
        self._rings: dict[int, _MappedRing] = {}

    def view(self, ref: PictureRef) -> Pixels:
        """The picture, read-only, without a copy; valid while its frame is unsettled.

        Raises PictureLostError if the picture is gone, PictureElsewhereError if it never came to this machine.
        """
        return _pixels(self._holding(ref).memory, ref)

    def has(self, ref: PictureRef) -> bool:
        """Whether the picture is there."""
        try:
            self._holding(ref)
        except (PictureLostError, PictureElsewhereError):
            return False
        return True

    def _holding(self, ref: PictureRef) -> _MappedRing:
        if not ref.is_here:
            # Its pid and its descriptor are those of a stranger here.
            raise PictureElsewhereError(f"it has stayed on {ref.machine}; remove `looks = False` from the stage")
        ring = self._rings.get(ref.ring)
        if ring is None:
            ring = self._map(ref)
        if not ring.stamped(ref):
            raise PictureLostError("the picture's slot holds another frame")
        if min(ref.offset, ref.height, ref.width, ref.channels) < 0 or (
            ref.offset + ref.height * ref.width * ref.channels > ring.size
        ):
            raise PictureLostError("the picture extends beyond its ring")
        return ring

    def still_there(self, ref: PictureRef) -> bool:
        """Whether the picture has not been overwritten since it was viewed."""
        ring = self._rings.get(ref.ring)
        return ring is None or ring.stamped(ref)

    def _map(self, ref: PictureRef) -> _MappedRing:
        ring = _MappedRing(ref)
        while len(self._rings) >= MAPPED_RINGS_KEPT:
            del self._rings[next(iter(self._rings))]
        self._rings[ref.ring] = ring
        return ring


class CopyingReader(RingReader):
    """Gives copies, for whoever reads pictures that may be overwritten meanwhile: a copy is whole, or not given."""

    def view(self, ref: PictureRef) -> Pixels:
        """A copy of the picture. Raises PictureLostError if it is gone, or was overwritten while it was copied."""
        copy = super().view(ref).copy()
        if not self.still_there(ref):
            raise PictureLostError("the picture's slot holds another frame")
        return copy


class StreamRings:
    """The rings that one stage keeps for its own pictures of one stream: the current one, and outgrown ones.

    A picture larger than a slot gets a new ring; the outgrown one stays until all frames in it are settled.
    """

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._rings: list[Ring] = []
        self._last_seq: list[int] = []

    def begin(
        self, seq: int, mark: int, height: int, width: int, channels: int, generation: int = 0
    ) -> tuple[Pixels, PictureRef]:
        """A writable picture for frame `seq`; rings that hold nothing at or above `mark` are closed."""
        self._forget(mark)
        needed = height * width * channels
        if not self._rings or self._rings[-1].slot_bytes < needed:
            self._rings.append(Ring(self._slots, needed))
            self._last_seq.append(-1)
        elif self._rings[-1].newer_than(seq):
            raise PictureLostError("the frame is settled: its slot holds a later one")
        self._last_seq[-1] = max(seq, self._last_seq[-1])
        return self._rings[-1].begin(seq, height, width, channels, generation)

    def finish(self, seq: int) -> None:
        """Mark frame `seq`'s picture complete."""
        self._rings[-1].finish(seq)

    def made(self, ref: PictureRef) -> bool:
        """Whether the picture lies in one of these rings."""
        return any(ring.id == ref.ring for ring in self._rings)

    def close(self) -> None:
        """Close all rings."""
        for ring in self._rings:
            ring.close()
        self._rings.clear()
        self._last_seq.clear()

    def _forget(self, mark: int) -> None:
        while len(self._rings) > 1 and self._last_seq[0] < mark:
            self._rings.pop(0).close()
            self._last_seq.pop(0)
