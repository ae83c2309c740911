"""A face, as every detector returns and every crop takes it."""

from msgspec import Struct

LANDMARKS = ("right eye", "left eye", "nose", "right mouth corner", "left mouth corner")
"""The order of five landmarks: right and left are the person's own."""


class Face(Struct, frozen=True):
    """A face: `box` is (x, y, width, height) in pixels of the picture, `landmarks` (x, y) likewise, or none."""

    box: tuple[float, float, float, float]
    score: float
    landmarks: tuple[tuple[float, float], ...] = ()
