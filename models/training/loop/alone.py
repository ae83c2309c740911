"""One training at a time in a folder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from framewire.models.training.loop.recipe import OtherTrainingError


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Make the folder, and hold it: the lock goes with the process. Raises OtherTrainingError, OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    held = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OtherTrainingError(f"another training is writing into {folder}; name another --out") from error
        yield
    finally:
        os.close(held)
