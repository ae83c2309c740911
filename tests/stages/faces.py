"""Real faces for tests: the demo's moving portraits."""

import numpy as np

from framewire.pipeline.frame.ring import Pixels
from framewire.stages.capture.demo import HEIGHT, WIDTH, Demo


def demo_frame(number: int) -> Pixels:
    canvas = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    Demo().draw(number, canvas)
    return canvas
