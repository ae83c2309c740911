"""Finding cuts: where a picture has little to do with the one before, faces must be detected again."""

import numpy as np

from framewire.pipeline.frame.ring import Pixels

POINTS = (18, 32)
"""Rows and columns of the points compared: enough to tell scenes apart, few enough to cost 30 us."""
CUT = 20.0
"""Mean difference of the points (0 to 255) from which it is a cut: moving people and cameras gave up to 12 on five
clips, cuts 30 and more."""


class CutFinder:
    """Takes pictures in order; tells of each whether it begins a new scene.

    Example:
        finder = CutFinder()
        [finder.look(picture) for picture in clip]    # False, False, True, ...
    """

    def __init__(self) -> None:
        self._before: Pixels | None = None

    def look(self, picture: Pixels | None) -> bool:
        """Whether this picture, uint8 (height, width, 3), begins a scene; None, for a missing one, begins none."""
        if picture is None:
            return False
        before, self._before = self._before, _points(picture)
        if before is None or before.shape != self._before.shape:
            return before is not None
        apart = np.abs(self._before.astype(np.int16) - before).mean()
        return bool(apart >= CUT)


def _points(picture: Pixels) -> Pixels:
    """A grid of points over the picture, from the middle of each cell."""
    rows, columns = (max(1, side // count) for side, count in zip(picture.shape, POINTS, strict=False))
    return np.ascontiguousarray(picture[rows // 2 :: rows, columns // 2 :: columns])
