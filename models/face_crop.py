"""Cutting a face out of a picture the way that a model's training pictures were cut."""

import cv2
import numpy as np
from msgspec import Struct

from models.face_finder import Picture


class CropRule(Struct, frozen=True, kw_only=True):
    """A square: `side` in widths of the face's box, its middle `down` heights of the box below the box' top.

    It is told by the width because detectors agree on that: YuNet's boxes reach from hairline to chin and are 1.4 times
    as high as wide, Haar's are square.
    """

    side: float
    down: float


UTKFACE_CROP = CropRule(side=1.21, down=0.58)
"""How UTKFace's 128-pixel crops lie about the boxes that YuNet and Haar find in them: medians of 400 and 220 pictures,
1.208 widths for YuNet and 1.203 for Haar, 0.588 and 0.572 heights."""


def face_crop(picture: Picture, box: tuple[float, float, float, float], rule: CropRule) -> Picture:
    """The square around a face; where it reaches beyond the picture, the picture's edge is repeated.

    Inside the picture it is a view, not a copy.
    """
    side = max(1, round(rule.side * box[2]))
    left = round(box[0] + box[2] / 2 - side / 2)
    top = round(box[1] + rule.down * box[3] - side / 2)
    height, width = picture.shape[:2]
    beyond = (max(0, -top), max(0, top + side - height), max(0, -left), max(0, left + side - width))
    if not any(beyond):
        return picture[top : top + side, left : left + side]
    inside = picture[max(0, top) : min(height, top + side), max(0, left) : min(width, left + side)]
    if not inside.size:
        raise ValueError(f"the face at {box} lies outside the picture")
    return np.asarray(cv2.copyMakeBorder(inside, *beyond, cv2.BORDER_REPLICATE), np.uint8)
