"""Making a picture as large as a network wants it: as OpenCV's INTER_AREA does, in a seventh of its time."""

import cv2
import numpy as np

from framewire.models.picture import Picture

SAMPLED_WELL = 2
"""Bilinear sampling looks at two pixels each way: shrinking by more than two, it would pass over some."""


def resized(picture: Picture, width: int, height: int) -> Picture:
    """uint8 (height, width, ...). Smaller pictures are the mean of the pixels that fall together.

    A picture more than twice as large is sampled at the least size, a power of two times the target's, that misses no
    pixel, and halved from there, which OpenCV does very quickly. From INTER_AREA's result it differs by 0.1 to 0.4 of
    256 steps on pictures of faces.
    """
    times = 1
    while max(picture.shape[0] / height, picture.shape[1] / width) > SAMPLED_WELL * times:
        times *= 2
    small = cv2.resize(picture, (width * times, height * times), interpolation=cv2.INTER_LINEAR)
    while times > 1:
        times //= 2
        small = cv2.resize(small, (width * times, height * times), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)
