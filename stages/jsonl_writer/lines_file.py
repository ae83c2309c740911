"""A file of JSON lines after a crash: cut back to a frame, or kept up to its last whole line."""

import os
import shutil
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec import Struct


class _LineName(Struct, frozen=True):
    stream: str
    seq: int


_name_decoder = msgspec.json.Decoder(_LineName)
BLOCK_BYTES = 2**20
"""Read at once from the end of a file: a window of frames with many detections is shorter."""


def append(file: FileIO, line: bytes) -> None:
    """Write a whole line. Raises OSError, with the file's name; some of the line may then be there."""
    try:
        written = file.write(line) or 0
        while written < len(line):
            # A disk that fills up takes some of it first, then fails.
            written += file.write(line[written:]) or 0
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(file.name)) from error


def cut_back(path: Path, stream: str, mark: int) -> bool:
    """Remove a stream's lines from frame `mark` on, and a torn line; returns whether there were any. Raises OSError.

    At the end of the file, where they are unless streams share it, they are cut off in place: that needs no room.
    """
    if not path.exists():
        return False
    first, is_mixed, has_others = None, False, False
    with path.open("rb") as file:
        for at, line in _backwards(file):
            name = _name_of(line)
            if name is None or (name.stream == stream and name.seq >= mark):
                first, is_mixed = at, is_mixed or has_others
            elif name.stream == stream:
                break
            else:
                has_others = True
    if first is None:
        return False
    if is_mixed:
        _rewrite(path, stream, mark)
    else:
        os.truncate(path, first)
    return True


def recover_lines(growing: Path, target: Path) -> int:
    """Keep a file's whole lines under a new name; returns their number. Raises OSError."""
    whole = count = 0
    with growing.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                whole, count = whole + len(line), count + 1
    if not count:
        growing.unlink()
        return 0
    os.truncate(growing, whole)
    growing.replace(target)
    return count


def _backwards(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """The lines from the last to the first, each with where it begins."""
    end = file.seek(0, os.SEEK_END)
    rest = b""
    while end:
        start = max(0, end - BLOCK_BYTES)
        file.seek(start)
        lines = (file.read(end - start) + rest).splitlines(keepends=True)
        end, rest = start, b""
        at = start + sum(map(len, lines))
        while len(lines) > (start > 0):
            line = lines.pop()
            at -= len(line)
            yield at, line
        rest = lines[0] if lines else b""


def _rewrite(path: Path, stream: str, mark: int) -> None:
    kept = path.with_name(f".{path.name}.resumed")
    try:
        with path.open("rb") as lines, kept.open("wb") as keep:
            keep.writelines(line for line in lines if _stays(line, stream, mark))
        shutil.copymode(path, kept)
        kept.replace(path)
    except OSError:
        kept.unlink(missing_ok=True)
        raise


def _stays(line: bytes, stream: str, mark: int) -> bool:
    name = _name_of(line)
    return name is not None and (name.stream != stream or name.seq < mark)


def _name_of(line: bytes) -> _LineName | None:
    """Whose line it is; None if it is torn."""
    try:
        return _name_decoder.decode(line) if line.endswith(b"\n") else None
    except msgspec.DecodeError:
        return None
