"""Files and folders as the disk has them: replaced whole, still of the same name, there after a power cut."""

import os
from pathlib import Path

NEW = ".new"
"""Suffix of a file that is about to replace another; a killed process may leave one."""


def replace_file(path: Path, content: bytes, to_disk: bool = False) -> None:
    """Write a file whole or not at all: a torn one is never seen. With `to_disk`, the disk has it. Raises OSError."""
    unfinished = path.with_name(f".{path.name}{NEW}")
    try:
        with unfinished.open("wb") as file:
            file.write(content)
            if to_disk:
                file.flush()
                os.fsync(file.fileno())
        unfinished.replace(path)
        if to_disk:
            sync_folder(path.parent)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from error


def is_still_at(fd: int, path: Path) -> bool:
    """Whether an open file is still the one of that name: not moved, not deleted, its disk not unmounted."""
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except FileNotFoundError:
        return False


def sync_folder(folder: Path) -> None:
    """Let the disk have the folder's new names. Raises OSError."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
