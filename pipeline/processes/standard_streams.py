"""Standard input, output and error as a run needs them: there, and never a reason to end."""

import io
import os
import sys
from contextlib import suppress
from typing import TextIO

NUMBERS = (0, 1, 2)


def open_all() -> None:
    """Those that are closed read nothing and write to nowhere: else the next file or socket gets their numbers."""
    for number in NUMBERS:
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is this one: those below are open by now.
            os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(number, True)
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115


def outlast() -> None:
    """What can no longer be written (nobody reads it, the disk is full) is lost from then on, and is no error.

    Letters that the terminal does not have are written as escapes.
    """
    sys.stdout = _lasting(sys.stdout)
    sys.stderr = _lasting(sys.stderr)


def flush() -> None:
    """Write what is buffered, if that is possible."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()


class _Lasting(io.FileIO):
    """Goes on to nowhere once a write has failed."""

    def write(self, data: "io.ReadableBuffer") -> int:  # type: ignore[name-defined]
        try:
            return super().write(data) or 0
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            return len(data)


def _lasting(stream: TextIO) -> TextIO:
    with suppress(OSError, ValueError):
        stream.flush()
    try:
        raw = _Lasting(stream.fileno(), "w", closefd=False)
    except (OSError, ValueError):
        # Somebody has put something else in its place, as notebooks and tests do.
        return stream
    buffered = io.BufferedWriter(raw)
    return io.TextIOWrapper(buffered, encoding=stream.encoding, errors="backslashreplace", line_buffering=True)
