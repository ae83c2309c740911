"""The folder that a sink writes to: whether it is writable, and still the one that it was."""

import errno
import os
from pathlib import Path
from typing import IO

GONE = "its disk is gone"


class OutputFolder:
    """A folder on some disk. Where that was a mount, the same path without it is another folder.

    Example:
        folder = OutputFolder(Path("/mnt/usb/out"))
        folder.try_out()    # OSError if it is read-only, or full
        folder.check()      # OSError once the disk is unmounted
    """

    def __init__(self, path: Path) -> None:
        """Raises OSError."""
        self._path = path
        self._device = path.stat().st_dev

    def try_out(self) -> None:
        """Make a file, and remove it. Raises OSError."""
        probe = self._path / f".probe-{os.getpid()}"
        try:
            probe.write_bytes(b"\0")
        finally:
            probe.unlink(missing_ok=True)

    def check(self) -> None:
        """Raises OSError if the folder is not on the disk that it was on: what is written there would be lost.

        One that was only deleted can be made again.
        """
        nearest = next(folder for folder in (self._path, *self._path.absolute().parents) if folder.exists())
        if nearest.stat().st_dev != self._device:
            raise OSError(errno.ENODEV, GONE, str(self._path))


def is_still_at(file: IO[bytes], path: Path) -> bool:
    """Whether an open file is still the one of that name: not moved, not deleted, its disk not unmounted."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def sync_folder(folder: Path) -> None:
    """Let the disk have the folder's new names. Raises OSError."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
