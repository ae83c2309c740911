"""Finding a face again by its last appearance, without a detector: normalised cross-correlation.

A box is scaled to 32 pixels wide, in grey, and searched for nearby: about 0.1 ms a face.
"""

import cv2
import numpy as np
from msgspec import Struct

from framewire.pipeline.frame.ring import Pixels
from framewire.stages.track.motion import Box

SIDE = 32
"""Side of the search template in pixels: eyes, nose and mouth are distinct, and noise is gone."""
AROUND = 0.5
"""How far beyond its box a face is searched for, as a share of the box: it may move this far in one frame."""
ALIKE = 0.5
"""Minimum correlation for a match: below it, something else is there, or the face has turned away."""


class Likeness(Struct, frozen=True):
    """What a face looked like: `pixels` are SIDE x SIDE, grey, row by row."""

    pixels: bytes


def likeness_of(picture: Pixels, box: Box) -> Likeness | None:
    """What is in the box; None if most of it lies outside the picture."""
    cut = _grey(picture, box, SIDE)
    return None if cut is None else Likeness(cut.tobytes())


def find(picture: Pixels, box: Box, likeness: Likeness) -> Box | None:
    """The box of the same size, near this one, that matches best; None if nothing matches."""
    x, y, width, height = box
    wider = (x - AROUND * width, y - AROUND * height, (1 + 2 * AROUND) * width, (1 + 2 * AROUND) * height)
    neighbourhood = _grey(picture, wider, round(SIDE * (1 + 2 * AROUND)))
    if neighbourhood is None:
        return None
    wanted = np.frombuffer(likeness.pixels, np.uint8).reshape(SIDE, SIDE)
    alike = cv2.matchTemplate(neighbourhood, wanted, cv2.TM_CCOEFF_NORMED)
    _, best, _, (column, row) = cv2.minMaxLoc(alike)
    if not best >= ALIKE:
        return None
    across, down = _between(np.asarray(alike, np.float32), row, column)
    return wider[0] + (column + across) * width / SIDE, wider[1] + (row + down) * height / SIDE, width, height


def _grey(picture: Pixels, box: Box, side: int) -> Pixels | None:
    """The box as (side, side), grey; beyond the picture its edge is replicated, but half must be inside."""
    left, top = round(box[0]), round(box[1])
    right, bottom = left + max(1, round(box[2])), top + max(1, round(box[3]))
    height, width = picture.shape[:2]
    inside = picture[max(0, top) : min(height, bottom), max(0, left) : min(width, right)]
    if 2 * inside.shape[0] * inside.shape[1] < (right - left) * (bottom - top):
        return None
    grey = cv2.cvtColor(inside, cv2.COLOR_BGR2GRAY)
    beyond = (max(0, -top), max(0, bottom - height), max(0, -left), max(0, right - width))
    if any(beyond):
        grey = cv2.copyMakeBorder(grey, *beyond, cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(grey, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


def _between(alike: "np.ndarray[tuple[int, ...], np.dtype[np.float32]]", row: int, column: int) -> tuple[float, float]:
    """The peak's sub-pixel offset, across and down: of a parabola through it and its neighbours."""
    across = _peak(alike[row, column - 1 : column + 2]) if 0 < column < alike.shape[1] - 1 else 0.0
    down = _peak(alike[row - 1 : row + 2, column]) if 0 < row < alike.shape[0] - 1 else 0.0
    return across, down


def _peak(three: "np.ndarray[tuple[int, ...], np.dtype[np.float32]]") -> float:
    before, here, after = (float(value) for value in three)
    bend = before - 2 * here + after
    return 0.5 * (before - after) / bend if bend < 0 else 0.0
