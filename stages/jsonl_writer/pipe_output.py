"""Lines on standard output, or into a FIFO: each once, though the process that writes them may be killed."""

import hashlib
import os
import stat
import struct
from pathlib import Path

from msgspec import Struct

_STATE = struct.Struct("<qqq")
"""Of a stream: the next frame, whether its line is being written, and where in a file that began."""


class _Stream(Struct):
    state: int
    next: int = 0
    begins: int = -1
    """Where the line that was being written when the last process died begins; -1 if it is not known."""


class PipeOutput:
    """Writes lines of streams, and remembers in small files which it has written: a pipe cannot be cut back.

    Killed in the very moment of a write, it cannot know how much of that line a pipe has taken: it ends the line, and
    writes it again.
    """

    def __init__(self, folder: Path, name: str, resumed: bool, fd: int) -> None:
        """`folder` is for what it remembers, under `name`; `fd` what it writes to."""
        self._folder = folder
        self._name = name
        self._resumed = resumed
        self._fd = fd
        self._streams: dict[str, _Stream] = {}
        self._is_file = stat.S_ISREG(os.fstat(fd).st_mode)

    def write(self, stream: str, seq: int, line: bytes) -> None:
        """Write the line of a frame, unless an earlier process has. Raises OSError; EPIPE if nobody reads."""
        at = self._at(stream)
        if seq < at.next:
            return
        begins = os.lseek(self._fd, 0, os.SEEK_END) if self._is_file else -1
        os.pwrite(at.state, _STATE.pack(seq, 1, begins), 0)
        left = memoryview(line)
        while left:
            left = left[os.write(self._fd, left) :]
        at.next = seq + 1
        os.pwrite(at.state, _STATE.pack(at.next, 0, -1), 0)

    def close(self) -> None:
        """Close what it remembers."""
        for at in self._streams.values():
            os.close(at.state)

    def _at(self, stream: str) -> _Stream:
        at = self._streams.get(stream)
        if at is None:
            at = self._streams[stream] = self._open(stream)
        return at

    def _open(self, stream: str) -> _Stream:
        # Any text may be a stream's name.
        digest = hashlib.sha256(stream.encode()).hexdigest()[:16]
        self._folder.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | (0 if self._resumed else os.O_TRUNC)
        state = os.open(self._folder / f"{self._name}.{digest}.pipe", flags | os.O_CLOEXEC, 0o644)
        raw = os.pread(state, _STATE.size, 0)
        if len(raw) < _STATE.size:
            return _Stream(state)
        following, was_writing, begins = _STATE.unpack(raw)
        if was_writing:
            self._end_torn_line(begins)
        return _Stream(state, following)

    def _end_torn_line(self, begins: int) -> None:
        if self._is_file and begins >= 0:
            if os.lseek(self._fd, 0, os.SEEK_END) > begins:
                os.ftruncate(self._fd, begins)
                os.lseek(self._fd, begins, os.SEEK_SET)
        else:
            os.write(self._fd, b"\n")
