"""Finding faces with a network: every detector's input and output."""

from collections.abc import Sequence
from typing import Protocol

import cv2
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from framewire.models.face import Face
from framewire.models.picture import Picture
from framewire.models.runtime.provider import Device


class FaceFinder(Protocol):
    """A loaded detector."""

    device: Device
    provider: str
    fallback: str

    def find(self, pictures: Sequence[Picture]) -> list[list[Face]]:
        """The faces of each picture, best first, the same whatever else is in the batch. Sizes may differ."""


class Thresholds(Struct, frozen=True):
    """Faces below `score` (0 to 1) are dropped, and those that overlap a better one by more than `nms` (IoU)."""

    score: float
    nms: float


def best_first(boxes: NDArray[np.float32], scores: NDArray[np.float32], thresholds: Thresholds) -> NDArray[np.int64]:
    """Indices of the boxes (n, 4: x, y, width, height) left after non-maximum suppression, best first."""
    if not len(boxes):
        return np.empty(0, np.int64)
    kept = cv2.dnn.NMSBoxes(boxes.tolist(), scores.tolist(), thresholds.score, thresholds.nms)
    return np.asarray(kept, np.int64).reshape(-1)
