"""Fitting a picture of any size into a detector's input, and mapping boxes back."""

from typing import Literal

import cv2
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from framewire.models.picture import Picture

Fitting = Literal["corner", "centre", "stretch"]
"""Where the picture lies in the input: its aspect ratio kept, in the top left corner or in the middle; or all over."""
Triple = tuple[float, float, float]


class Preparation(Struct, frozen=True, kw_only=True):
    """How a picture becomes an input: (value - mean) * scale for each colour, in the input's order.

    What the picture leaves free is `pad`, 0 to 255, treated likewise.
    """

    order: Literal["BGR", "RGB"]
    fitting: Fitting
    mean: Triple = (0.0, 0.0, 0.0)
    scale: Triple = (1.0, 1.0, 1.0)
    pad: int = 114


class Fit(Struct, frozen=True):
    """Input pixels for one of the picture (across, down), and where its left top corner is in the input."""

    scale: tuple[float, float]
    corner: tuple[int, int]

    def to_picture(self, corners: NDArray[np.float32]) -> NDArray[np.float32]:
        """Boxes (n, 4: left, top, right, bottom) in pixels of the picture, from such in the input's."""
        return np.asarray((corners - np.array(self.corner * 2)) / np.array(self.scale * 2), np.float32)


def fit_into(picture: Picture, planes: NDArray[np.float32], how: Preparation) -> Fit:
    """Write the picture into planes (3, height, width), enlarged where it is smaller."""
    height, width = planes.shape[1:]
    fit, (inner_w, inner_h) = _place(picture.shape[1], picture.shape[0], width, height, how.fitting)
    left, top = fit.corner
    inside = cv2.resize(picture, (inner_w, inner_h), interpolation=cv2.INTER_LINEAR)
    channels = cv2.split(inside)
    # Split first: numpy converts a plane to floats three times as fast as every third byte.
    for plane, channel, mean, scale in zip(
        planes, channels if how.order == "BGR" else channels[::-1], how.mean, how.scale, strict=True
    ):
        region = plane[top : top + inner_h, left : left + inner_w]
        if region.size < plane.size:
            plane[...] = (how.pad - mean) * scale
        if scale == 1.0:
            region[...] = channel
        else:
            np.multiply(channel, np.float32(scale), out=region)
        if mean:
            region -= np.float32(mean * scale)
    return fit


def _place(width: int, height: int, wide: int, high: int, fitting: Fitting) -> tuple[Fit, tuple[int, int]]:
    """Where a picture comes to lie in an input `wide` x `high`, and how large it is there."""
    if fitting == "stretch":
        return Fit((wide / width, high / height), (0, 0)), (wide, high)
    ratio = min(wide / width, high / height)
    if fitting == "corner":
        # YOLOX cuts sizes off, Ultralytics rounds them: half a pixel of the input is several of a large picture.
        size = (max(1, int(width * ratio)), max(1, int(height * ratio)))
        return Fit((ratio, ratio), (0, 0)), size
    size = (max(1, round(width * ratio)), max(1, round(height * ratio)))
    corner = (round((wide - size[0]) / 2 - 0.1), round((high - size[1]) / 2 - 0.1))
    return Fit((ratio, ratio), corner), size
