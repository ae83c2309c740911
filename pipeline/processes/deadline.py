"""Until when a machine's sinks may write, in memory that its agent and its workers share.

An agent that is stopped ends nobody when its lease runs out. Its sinks look here before they write: on storage that
machines share, another one may write the same file by then.
"""

import mmap
import os
import struct
import time

from msgspec import Struct

_SECONDS = struct.Struct("<d")


class DeadlineAt(Struct, frozen=True, array_like=True):
    """Where it is: a file descriptor of a process of this machine."""

    pid: int
    fd: int


class Deadline:
    """The agent's side."""

    def __init__(self) -> None:
        self._fd = os.memfd_create("framewire-deadline", os.MFD_CLOEXEC)
        os.ftruncate(self._fd, _SECONDS.size)
        self._memory = mmap.mmap(self._fd, _SECONDS.size)
        self.at = DeadlineAt(os.getpid(), self._fd)

    def set(self, until: float) -> None:
        """Nobody may write after that, by this machine's monotonic clock."""
        # Eight aligned bytes: no reader sees half of it.
        _SECONDS.pack_into(self._memory, 0, until)

    def close(self) -> None:
        """No worker is left."""
        self._memory.close()
        os.close(self._fd)


class DeadlineReader:
    """A worker's side; without `at`, at home, there is no deadline."""

    def __init__(self, at: DeadlineAt | None = None) -> None:
        """Raises OSError if the agent is gone."""
        self._memory: mmap.mmap | None = None
        if at is not None:
            opened = os.open(f"/proc/{at.pid}/fd/{at.fd}", os.O_RDONLY | os.O_CLOEXEC)
            try:
                self._memory = mmap.mmap(opened, _SECONDS.size, prot=mmap.PROT_READ)
            finally:
                os.close(opened)

    def is_over(self) -> bool:
        """Whether nothing may be written any more."""
        return self._memory is not None and time.monotonic() >= _SECONDS.unpack_from(self._memory)[0]
