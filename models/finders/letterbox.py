"""Fitting a picture of any size into a network's input, and mapping boxes back."""

import cv2
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray


class Fit(Struct, frozen=True):
    """A picture shrunk by `scale` (input pixels per picture pixel) into the input's top left corner."""

    scale: float

    def to_picture(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Maps coordinates or sizes from input to picture."""
        return points / np.float32(self.scale)


def fit_into(picture: NDArray[np.uint8], planes: NDArray[np.float32]) -> Fit:
    """Write the whole picture (h, w, 3) into planes (3, height, width), keeping its aspect ratio; the rest becomes 0.

    A small picture is not enlarged.
    """
    height, width = picture.shape[:2]
    scale = min(planes.shape[1] / height, planes.shape[2] / width, 1.0)
    inner_h, inner_w = max(1, round(height * scale)), max(1, round(width * scale))
    inside = picture
    if scale < 1.0:
        inside = np.asarray(cv2.resize(picture, (inner_w, inner_h), interpolation=cv2.INTER_LINEAR), np.uint8)
    # Split first: numpy converts a plane to floats three times as fast as every third byte.
    for plane, channel in zip(planes, cv2.split(inside), strict=True):
        plane[:inner_h, :inner_w] = channel
        plane[inner_h:] = 0
        plane[:inner_h, inner_w:] = 0
    return Fit(scale)


def multiple(size: float, of: int) -> int:
    """The size rounded up to a multiple of `of`, at least `of`."""
    return max(of, -(-int(np.ceil(size)) // of) * of)
