"""The Haar cascade as a face finder, with the tutorial's values, to compare with the networks."""

from collections.abc import Sequence

import cv2
import numpy as np

from framewire.models.face import Face
from framewire.models.finders.haar import HaarCascade
from framewire.models.picture import Picture
from framewire.models.runtime.provider import Device


class HaarFinder:
    """A FaceFinder. A cascade has no score: all its faces have 1."""

    device: Device = "cpu"
    provider = "OpenCV"
    fallback = ""

    def __init__(self, scale_factor: float = 1.2, min_neighbors: int = 3, min_size: int = 32) -> None:
        self._cascade = HaarCascade("frontalface_default")
        self._asked = (scale_factor, min_neighbors, min_size)

    def find(self, pictures: Sequence[Picture]) -> list[list[Face]]:
        """See FaceFinder."""
        return [self._find_in(np.asarray(cv2.cvtColor(one, cv2.COLOR_BGR2GRAY), np.uint8)) for one in pictures]

    def _find_in(self, grey: Picture) -> list[Face]:
        boxes = self._cascade.detect(grey, *self._asked)
        # Largest first, as it is the most likely.
        return [Face(box, 1.0) for box in sorted(boxes, key=lambda box: -box[2])]
