"""Which pictures a model was trained on, told by their pixels, so that it is not measured on them."""

import base64
import hashlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from framewire.models.picture import Picture

_BYTES = 8
"""Of a picture's SHA-256: no two of a million pictures share them by chance (1 in 10^7)."""


class SeenPictures:
    """Sorted hashes of pixels: the same picture is known in a folder, a .zip and an .npz, whatever its name is."""

    def __init__(self, hashes: NDArray[np.uint64]) -> None:
        self._hashes = np.sort(hashes.astype(np.uint64))

    @classmethod
    def of(cls, pictures: Iterable[Picture]) -> "SeenPictures":
        """Of uint8 pictures (height, width, 3), BGR as decoded, before any resizing."""
        return cls(np.unique(np.fromiter((picture_hash(picture) for picture in pictures), np.uint64)))

    def __contains__(self, picture: Picture) -> bool:
        place = int(np.searchsorted(self._hashes, wanted := np.uint64(picture_hash(picture))))
        return place < len(self._hashes) and bool(self._hashes[place] == wanted)

    def __len__(self) -> int:
        return len(self._hashes)

    def as_text(self) -> str:
        """Base64 of the hashes, little-endian."""
        return base64.b64encode(self._hashes.astype("<u8").tobytes()).decode()


def picture_hash(picture: Picture) -> int:
    """Of its shape and pixels: 64 bits."""
    digest = hashlib.sha256(str(picture.shape).encode())
    digest.update(np.ascontiguousarray(picture).tobytes())
    return int.from_bytes(digest.digest()[:_BYTES], "big")
