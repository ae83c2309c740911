"""OpenCV's people detector: a support vector machine on histograms of gradients (Dalal and Triggs, 2005)."""

from collections.abc import Sequence

import cv2
import numpy as np

from framewire.models.objects.found import Found, found_in
from framewire.models.objects.heads.suppression import Candidates, best_first
from framewire.models.picture import Picture
from framewire.models.runtime.provider import Device

PERSON = "person"
STEP = 1.05
"""From one size searched to the next: OpenCV's default."""
STRIDE_PX, PADDING_PX = (8, 8), (16, 16)
WINDOW = (64, 128)
"""The detector's window; a person in it has 16 pixels of air on each side."""


class HogPeople:
    """Finds people who stand upright and are at least 100 pixels tall. Scores are distances from the plane, 0 to 1."""

    device: Device = "cpu"
    provider = "OpenCV"
    fallback = ""
    labels = (PERSON,)

    def __init__(self, width: int, score: float, nms: float) -> None:
        """Search copies `width` pixels wide; 0: the picture itself."""
        self._hog = cv2.HOGDescriptor()
        self._hog.setSVMDetector(np.asarray(cv2.HOGDescriptor.getDefaultPeopleDetector(), np.float32))
        self._width, self._score, self._nms = width, score, nms

    def find(self, pictures: Sequence[Picture]) -> list[list[Found]]:
        """The people in each picture, best first."""
        return [self._find_in(picture) for picture in pictures]

    def _find_in(self, picture: Picture) -> list[Found]:
        height, width = picture.shape[:2]
        scale = width / self._width if 0 < self._width < width else 1.0
        if scale > 1:
            size = (self._width, max(1, round(height / scale)))
            picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
        if picture.shape[0] < WINDOW[1] or picture.shape[1] < WINDOW[0]:
            return []
        boxes, weights = self._hog.detectMultiScale(picture, winStride=STRIDE_PX, padding=PADDING_PX, scale=STEP)
        corners = np.asarray(boxes, np.float32).reshape(-1, 4) * np.float32(scale)
        corners[:, 2:] += corners[:, :2]
        scores = np.clip(np.asarray(weights, np.float32).reshape(-1), 0, 1)
        all_of_them = Candidates(corners, scores, np.zeros(len(scores), np.int64))
        return found_in(best_first(all_of_them.at(scores >= self._score), self._nms), self.labels)
