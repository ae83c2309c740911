"""The folder that a sink writes to: whether it is writable, and still the one that it was."""

import errno
import os
from pathlib import Path

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
