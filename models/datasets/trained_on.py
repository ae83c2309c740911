"""Which files our models were trained on, so that they are not measured on them by default."""

import hashlib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

_BYTES = 4
"""Of a name's SHA-256: the chance that any of 10,000 other names matches one of 8,000 is 2 %."""


class TrainedOn:
    """The file names as sorted hashes: a name identifies a file, and says nothing about who is in it."""

    def __init__(self, hashes: NDArray[np.uint32]) -> None:
        self._hashes = hashes

    @classmethod
    def of(cls, names: Iterable[str]) -> "TrainedOn":
        """From the names; ignores folders."""
        return cls(np.unique(np.array([_hash(name) for name in names], np.uint32)))

    @classmethod
    def read(cls, path: Path) -> "TrainedOn":
        """From a file that `write` wrote. Raises OSError, ValueError."""
        return cls(np.load(path, allow_pickle=False))

    def write(self, path: Path) -> None:
        """Write them as .npy. Raises OSError."""
        np.save(path, self._hashes)

    def __contains__(self, name: str) -> bool:
        wanted = _hash(name)
        place = int(np.searchsorted(self._hashes, wanted))
        return place < len(self._hashes) and int(self._hashes[place]) == wanted


def _hash(name: str) -> int:
    return int.from_bytes(hashlib.sha256(PurePosixPath(name).name.encode()).digest()[:_BYTES], "big")
