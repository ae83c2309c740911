"""A file that goes from one machine to another: known by its hash."""

import hashlib
import os
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
"""In hexadecimal."""
FileName = Annotated[str, Meta(pattern=r"^(?!\.{1,2}\Z)[^/\x00]{1,255}\Z")]
"""The name of a file in a folder, not a path."""
FILE_BYTES_MAX = 2**40
"""More is no size."""
Bytes = Annotated[int, Meta(ge=0, le=FILE_BYTES_MAX)]


class LentFile(Struct, frozen=True, array_like=True):
    """A file that a stage on another machine reads, and that is at home.

    `text` is what names it in the stage's options; empty if the stage finds it by its `name`. `place` is where that
    machine may have it, too: relative to its agent's folder, or, with `~`, to its user's.
    """

    stage: str
    text: str
    name: FileName
    place: str
    sha256: Sha256
    size: Bytes


class FileHere(Struct, frozen=True):
    """A file of this machine as it was when its hash was taken; `state` changes if the file does."""

    path: Path
    sha256: str
    size: int
    state: tuple[int, int, int, int]


class FileChangedError(Exception):
    """A file changes while it is read; the text says which, and the cure."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} changes while it is in use; leave it as it is, and start again")


def file_here(path: Path) -> FileHere:
    """The file, and its hash. Raises FileChangedError, OSError."""
    with path.open("rb") as file:
        before = state_of(file.fileno())
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        if state_of(file.fileno()) != before:
            raise FileChangedError(path)
    return FileHere(path, sha256, before[2], before)


def state_of(fd: int) -> tuple[int, int, int, int]:
    """Of an open file: device, inode, size in bytes, time of the last change. Raises OSError."""
    stat = os.fstat(fd)
    return (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns)
