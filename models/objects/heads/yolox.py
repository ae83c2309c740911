"""YOLOX (Ge et al., 2021): a box, an objectness and a score for each class in every cell of three grids.

For the cell (column, row) of the grid of stride s, the middle of the box is ((column, row) + xy) * s and its size
exp(wh) * s; the score is objectness * class.
"""

from collections.abc import Sequence
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from framewire.models.objects.heads.fit import Preparation
from framewire.models.objects.heads.head import Head, Trial, cells, chosen, corners_of, count_of
from framewire.models.objects.heads.suppression import Candidates

STRIDES = (8, 16, 32)
NEAR = 4.0
"""A middle is at most so many cells from its own; what is decoded already is, what is not, is near 0."""


class YoloX(Head):
    """A single output (batch, cells, 5 + classes), not yet decoded."""

    name: ClassVar[str] = "yolox"
    shapes: ClassVar[str] = "(n, cells, 5 + classes), in units of the grids"
    prepared = Preparation(order="BGR", fitting="corner")

    def __init__(self, output: str, side: tuple[int, int], classes: int) -> None:
        self.outputs = [output]
        self.classes = classes
        self._places, self._strides = cells(side, STRIDES)

    @classmethod
    def read(cls, trial: Trial) -> Self | None:
        """See Head."""
        for output, values in trial.of_rank(3).items():
            _, count, width = values.shape
            if count == count_of(trial.side, STRIDES) and width > 5 and trial.classes in (0, width - 5):
                places, strides = cells(trial.side, STRIDES)
                off = np.abs(values[0, :, :2] - (places + 0.5) * strides) / strides
                if np.median(off) > NEAR > np.median(np.abs(values[0, :, :2])):
                    return cls(output, trial.side, width - 5)
        return None

    def decode(self, outputs: Sequence[NDArray[np.float32]], place: int, least: float) -> Candidates:
        """See Head."""
        rows = outputs[0][place]
        (likely,) = np.nonzero(rows[:, 4] >= least)
        few = rows[likely]
        which, classes, scores = chosen(few[:, 5:] * few[:, 4:5], least)
        few, at = few[which], likely[which]
        middles = (few[:, :2] + self._places[at]) * self._strides[at]
        sizes = np.exp(np.minimum(few[:, 2:4], 20)) * self._strides[at]
        return Candidates(corners_of(middles, sizes), scores, classes)
