"""Which files a model of ours was trained on, so that it is never measured on them unasked."""

import hashlib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

_BYTES = 4
"""Of a name's SHA-256: of ten thousand other names, one in forty runs is taken for one of eight thousand."""


class TrainedOn:
    """The names of the files, as sorted hashes: a name tells which file it is, and says nothing of who is in it."""

    def __init__(self, hashes: NDArray[np.uint32]) -> None:
        self._hashes = hashes

    @classmethod
    def of(cls, names: Iterable[str]) -> "TrainedOn":
        """From the names; folders do not count."""
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
