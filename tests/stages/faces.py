"""Real faces for tests: the portraits that the demo moves about."""

import numpy as np

from pipeline.ring import Pixels
from stages.capture.demo import HEIGHT, WIDTH, Demo


def demo_frame(number: int) -> Pixels:
    canvas = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    Demo().draw(number, canvas)
    return canvas


def overlap(one: tuple[float, ...], two: tuple[float, ...]) -> float:
    """Intersection over union."""
    left, top = max(one[0], two[0]), max(one[1], two[1])
    right, bottom = min(one[0] + one[2], two[0] + two[2]), min(one[1] + one[3], two[1] + two[3])
    inner = max(0.0, right - left) * max(0.0, bottom - top)
    return inner / (one[2] * one[3] + two[2] * two[3] - inner)
