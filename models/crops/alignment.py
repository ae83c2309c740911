"""Aligning a face by its landmarks: rotate, scale and shift to put eyes and mouth where a model expects them."""

import cv2
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from framewire.models.box import Box
from framewire.models.crops.face_crop import Points
from framewire.models.face import LANDMARKS
from framewire.models.picture import Picture

TEMPLATE = ((38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041))
"""Where the five landmarks lie in a crop of 112 pixels: the places used by ArcFace's models, and since then by most
that take aligned faces."""
TEMPLATE_SIDE = 112


class AlignedCrop(Struct, frozen=True, tag="aligned"):
    """A `side` pixel square with the landmarks at the template's positions."""

    side: int = TEMPLATE_SIDE

    def cut(self, picture: Picture, box: Box, landmarks: Points = ()) -> Picture | None:
        """See FaceCrop; what lies beyond the picture is black."""
        if len(landmarks) != len(LANDMARKS):
            return None
        places = np.array(TEMPLATE) * (self.side / TEMPLATE_SIDE)
        matrix = similarity(np.array(landmarks, np.float64), places)
        return np.asarray(cv2.warpAffine(picture, matrix, (self.side, self.side), flags=cv2.INTER_LINEAR), np.uint8)


def similarity(points: NDArray[np.float64], places: NDArray[np.float64]) -> NDArray[np.float64]:
    """The rotation, scale and shift (2, 3) that best map points (n, 2) to places (n, 2): Umeyama, 1991.

    Points that all coincide are only shifted.
    """
    middle, goal = points.mean(axis=0), places.mean(axis=0)
    around, about = points - middle, places - goal
    spread = float((around**2).sum())
    # In 2D the best rotation and scale are one complex number, a + ib, which cannot mirror.
    a = float((around * about).sum()) / spread if spread else 1.0
    b = float((around[:, 0] * about[:, 1] - around[:, 1] * about[:, 0]).sum()) / spread if spread else 0.0
    turn = np.array([[a, -b], [b, a]])
    return np.column_stack([turn, goal - turn @ middle])
