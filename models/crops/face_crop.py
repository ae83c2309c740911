"""Cutting a face out of a picture the way a model's training pictures were cut."""

from typing import Literal, Protocol

import cv2
import numpy as np
from msgspec import Struct

from framewire.models.box import Box
from framewire.models.picture import Picture

Points = tuple[tuple[float, float], ...]


class FaceCrop(Protocol):
    """A way to cut out a face."""

    def cut(self, picture: Picture, box: Box, landmarks: Points = ()) -> Picture | None:
        """The crop that a model is given; None if this way needs landmarks and there are none.

        Raises ValueError for a box entirely outside the picture.
        """


class BoxCrop(Struct, frozen=True, kw_only=True, tag="box"):
    """The detector's box plus `margin` (a fraction of it) and `padding` (pixels) per side, clipped to the picture."""

    margin: float = 0.0
    padding: int = 0

    def cut(self, picture: Picture, box: Box, landmarks: Points = ()) -> Picture:
        """A view, not a copy."""
        wider = (self.margin * box[2] + self.padding, self.margin * box[3] + self.padding)
        edges = edges_inside(box, wider, (picture.shape[1], picture.shape[0]))
        if edges is None:
            raise ValueError(f"the box {box} lies outside the picture")
        left, top, right, bottom = edges
        return picture[top:bottom, left:right]


class SquareCrop(Struct, frozen=True, kw_only=True, tag="square"):
    """A square: `side` in sizes of the face's box, its centre `down` box heights below the top of the box.

    Detectors differ: YuNet's boxes reach from hairline to chin and are 1.3 to 1.4 times as high as wide, Haar's are
    square. `by` is the size of their boxes that best predicts the training crops: their width, their height, or the
    mean of both. Where the square reaches beyond the picture, the picture's edge is repeated.
    """

    side: float
    down: float
    by: Literal["width", "height", "mean"] = "width"

    def cut(self, picture: Picture, box: Box, landmarks: Points = ()) -> Picture | None:
        """Inside the picture it is a view, not a copy."""
        size = {"width": box[2], "height": box[3], "mean": (box[2] + box[3]) / 2}[self.by]
        side = max(1, round(self.side * size))
        left = round(box[0] + box[2] / 2 - side / 2)
        top = round(box[1] + self.down * box[3] - side / 2)
        height, width = picture.shape[:2]
        beyond = (max(0, -top), max(0, top + side - height), max(0, -left), max(0, left + side - width))
        if not any(beyond):
            return picture[top : top + side, left : left + side]
        inside = picture[max(0, top) : min(height, top + side), max(0, left) : min(width, left + side)]
        if not inside.size:
            raise ValueError(f"the face at {box} lies outside the picture")
        return np.asarray(cv2.copyMakeBorder(inside, *beyond, cv2.BORDER_REPLICATE), np.uint8)


UTKFACE_CROP = SquareCrop(side=0.98, down=0.58, by="mean")
"""How UTKFace's 128-pixel crops relate to the boxes that YuNet and Haar find in them: medians of 988 and 943 pictures
that were trained on, 1.00 of the mean of width and height for YuNet and 0.955 for Haar (but 1.19 and 0.955 widths),
0.59 to 0.62 and 0.58 heights."""


FER_CROP = SquareCrop(side=1.02, down=0.49, by="height")
"""How FER2013's 48-pixel crops relate to the boxes that YuNet and Haar find in them: medians of 839 and 720 pictures,
1.017 heights for YuNet and 1.027 for Haar (but 1.30 and 1.03 widths), 0.484 and 0.500 heights."""


def edges_inside(box: Box, wider: tuple[float, float], picture: tuple[int, int]) -> tuple[int, int, int, int] | None:
    """Left, top, right, bottom in whole pixels of a widened box, clipped to a picture (width, height).

    None if the box lies outside it.
    """
    left, top = max(0, round(box[0] - wider[0])), max(0, round(box[1] - wider[1]))
    right = min(picture[0], round(box[0] + box[2] + wider[0]))
    bottom = min(picture[1], round(box[1] + box[3] + wider[1]))
    return (left, top, right, bottom) if left < right and top < bottom else None
