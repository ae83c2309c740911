"""Aligning a face by its landmarks: turned, scaled and shifted so that eyes and mouth lie where a model knows them."""

import cv2
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from framewire.models.crops.face_crop import Box, Points
from framewire.models.face import LANDMARKS
from framewire.models.picture import Picture

TEMPLATE = ((38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041))
"""Where the five landmarks lie in a crop of 112 pixels: the places that ArcFace's models are trained with, and after
them most that take aligned faces."""
TEMPLATE_SIDE = 112


class AlignedCrop(Struct, frozen=True):
    """A square of `side` pixels with the landmarks at the template's places."""

    side: int = TEMPLATE_SIDE

    def cut(self, picture: Picture, box: Box, landmarks: Points = ()) -> Picture | None:
        """See FaceCrop; what lies beyond the picture is black."""
        if len(landmarks) != len(LANDMARKS):
            return None
        places = np.array(TEMPLATE) * (self.side / TEMPLATE_SIDE)
        matrix = similarity(np.array(landmarks, np.float64), places)
        return np.asarray(cv2.warpAffine(picture, matrix, (self.side, self.side), flags=cv2.INTER_LINEAR), np.uint8)


def similarity(points: NDArray[np.float64], places: NDArray[np.float64]) -> NDArray[np.float64]:
    """The turn, scale and shift (2, 3) that bring points (n, 2) nearest to places (n, 2): Umeyama, 1991.

    Points that all lie in one place are only shifted.
    """
    middle, goal = points.mean(axis=0), places.mean(axis=0)
    around, about = points - middle, places - goal
    spread = float((around**2).sum())
    # In the plane the best turn and scale are one complex number, a + ib; no mirror image can come of it.
    a = float((around * about).sum()) / spread if spread else 1.0
    b = float((around[:, 0] * about[:, 1] - around[:, 1] * about[:, 0]).sum()) / spread if spread else 0.0
    turn = np.array([[a, -b], [b, a]])
    return np.column_stack([turn, goal - turn @ middle])
