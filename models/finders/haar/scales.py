"""The scales at which a cascade searches a picture, as OpenCV chooses them."""

from collections.abc import Iterator

import numpy as np
from msgspec import Struct

FINE_BELOW = 2.0
"""At scales below this OpenCV moves the window by two pixels, at others by one."""


class Scale(Struct, frozen=True):
    """One scale of the search: the picture shrinks, the window stays."""

    factor: np.float32
    """Pixels of the picture per pixel of the copy."""
    width: int
    """Of the smaller copy."""
    height: int

    @property
    def step(self) -> int:
        """Pixels of the copy from one window to the next."""
        return 1 if self.factor >= FINE_BELOW else 2

    def back(self, length: int) -> int:
        """A length in the copy as one in the picture, rounded as OpenCV rounds it: half to even, single precision."""
        return int(np.rint(np.float32(length) * self.factor))


def scales(
    picture: tuple[int, int], window: tuple[int, int], scale_factor: float, min_size: int, max_size: int = 0
) -> Iterator[Scale]:
    """All scales for a picture of (width, height), from small faces to large ones; a `max_size` of 0 sets no limit."""
    largest = (max_size, max_size) if max_size else picture
    factor = 1.0
    while True:
        width, height = round(window[0] * factor), round(window[1] * factor)
        if width > min(largest[0], picture[0]) or height > min(largest[1], picture[1]):
            return
        if width >= min_size and height >= min_size:
            single = np.float32(factor)
            yield Scale(single, int(np.rint(picture[0] / single)), int(np.rint(picture[1] / single)))
        factor *= scale_factor
