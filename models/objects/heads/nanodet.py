"""NanoDet and NanoDet-Plus (RangiLyu): scores for each cell, and for each side of its box how far it is likely to be.

A side's distance is the mean of its bins 0, 1, 2, ..., weighted by the softmax of the numbers given for them, times the
stride (Li et al., 2020, "Generalized Focal Loss"). It is measured from the middle of the cell in NanoDet, whose grids
are of 8, 16 and 32 pixels; from its corner in NanoDet-Plus, which has one of 64, too.
"""

from collections.abc import Sequence
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from framewire.models.catalogue.coco import COCO_80
from framewire.models.objects.heads.fit import Preparation
from framewire.models.objects.heads.head import (
    Head,
    Trial,
    are_probabilities,
    cells,
    chosen,
    count_of,
    sigmoid,
    softmax,
)
from framewire.models.objects.heads.suppression import Candidates

STRIDES, STRIDES_PLUS = (8, 16, 32), (8, 16, 32, 64)
BINS = range(4, 33)
"""Bins for each side: 8 and 11 are common."""


class NanoDet(Head):
    """Outputs (batch, cells, classes) and (batch, cells, 4 * bins) for each grid, or one of all, side by side."""

    name: ClassVar[str] = "nanodet"
    shapes: ClassVar[str] = "(n, cells, classes) and (n, cells, 4 * bins) for each grid, or side by side in one"
    prepared = Preparation(
        order="BGR",
        fitting="stretch",
        mean=(103.53, 116.28, 123.675),
        scale=(1 / 57.375, 1 / 57.12, 1 / 58.395),
    )

    def __init__(self, scores: list[str], distances: list[str], trial: Trial, classes: int) -> None:
        """`scores` and `distances` name the outputs from the finest grid on; the same if they are side by side."""
        self.outputs = [*scores, *distances]
        self.classes = classes
        self._levels = len(scores)
        self._together = scores == distances
        count = sum(trial.outputs[name].shape[1] for name in scores)
        is_plus = count == count_of(trial.side, STRIDES_PLUS)
        places, self._strides = cells(trial.side, STRIDES_PLUS if is_plus else STRIDES)
        self._points = (places + (0.0 if is_plus else 0.5)) * self._strides
        self._raw = not all(are_probabilities(trial.outputs[name][..., :classes]) for name in scores)

    @classmethod
    def read(cls, trial: Trial) -> Self | None:
        """See Head."""
        outputs = trial.of_rank(3)
        grids = (count_of(trial.side, STRIDES), count_of(trial.side, STRIDES_PLUS))
        classes = trial.classes or len(COCO_80)
        for name, values in outputs.items():
            bins, rest = divmod(values.shape[2] - classes, 4)
            if values.shape[1] in grids and not rest and bins in BINS:
                return cls([name], [name], trial, classes)
        finest_first = sorted(outputs, key=lambda name: -outputs[name].shape[1])
        scores = [name for name in finest_first if outputs[name].shape[2] == classes]
        distances = [name for name in finest_first if name not in scores]
        sizes = [[outputs[name].shape[1] for name in names] for names in (scores, distances)]
        widths = {outputs[name].shape[2] for name in distances}
        fits = sizes[0] == sizes[1] and len(scores) > 1 and sum(sizes[0]) in grids and len(widths) == 1
        is_bins = fits and not min(widths) % 4 and min(widths) // 4 in BINS
        return cls(scores, distances, trial, classes) if is_bins else None

    def decode(self, outputs: Sequence[NDArray[np.float32]], place: int, least: float) -> Candidates:
        """See Head."""
        if self._together:
            rows = outputs[0][place]
            scores, distances = rows[:, : self.classes], rows[:, self.classes :]
        else:
            scores = np.concatenate([values[place] for values in outputs[: self._levels]])
            distances = np.concatenate([values[place] for values in outputs[self._levels :]])
        which, classes, best = chosen(sigmoid(scores) if self._raw else scores, least)
        bins = distances[which].reshape(len(which), 4, distances.shape[1] // 4)
        sides = (softmax(bins) @ np.arange(bins.shape[2], dtype=np.float32)) * self._strides[which]
        points = self._points[which]
        corners = np.concatenate([points - sides[:, :2], points + sides[:, 2:]], axis=1)
        return Candidates(corners.astype(np.float32), best, classes)
