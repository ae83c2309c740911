"""Finding faces with a network: what every detector gets and gives."""

from collections.abc import Sequence
from typing import Protocol

import cv2
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
"""uint8 (height, width, 3) BGR."""
LANDMARKS = ("right eye", "left eye", "nose", "right mouth corner", "left mouth corner")
"""The order of five landmarks: right and left are the person's own."""


class Face(Struct, frozen=True):
    """A face: `box` is (x, y, width, height) in pixels of the picture, `landmarks` (x, y) likewise, or none."""

    box: tuple[float, float, float, float]
    score: float
    landmarks: tuple[tuple[float, float], ...] = ()


class FaceFinder(Protocol):
    """A loaded detector."""

    provider: str
    fallback: str

    def find(self, pictures: Sequence[Picture]) -> list[list[Face]]:
        """The faces of each picture, best first, the same whatever else is in the batch. Sizes may differ."""


class Thresholds(Struct, frozen=True):
    """Faces below `score` (0 to 1) are left out, and those that overlap a better one by more than `nms` (IoU)."""

    score: float
    nms: float


def best_first(boxes: NDArray[np.float32], scores: NDArray[np.float32], thresholds: Thresholds) -> NDArray[np.int64]:
    """Indices of the boxes (n, 4: x, y, width, height) that stay after non-maximum suppression, best first."""
    if not len(boxes):
        return np.empty(0, np.int64)
    kept = cv2.dnn.NMSBoxes(boxes.tolist(), scores.tolist(), thresholds.score, thresholds.nms)
    return np.asarray(kept, np.int64).reshape(-1)
