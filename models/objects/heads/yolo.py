"""The YOLO exports from v5 on: decoded boxes and a score for each class, in rows or in columns.

v5, v6 and v7 have an objectness before the classes, which their scores are multiplied by; v8 to v12 have none.
"""

from collections.abc import Sequence
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from framewire.models.catalogue.coco import COCO_80
from framewire.models.objects.heads.fit import Fitting, Preparation
from framewire.models.objects.heads.head import (
    SET_MAX,
    Head,
    Trial,
    are_corners,
    are_probabilities,
    chosen,
    corners_of,
    count_of,
    in_pixels,
    sigmoid,
)
from framewire.models.objects.heads.suppression import Candidates
from framewire.models.objects.heads.yolox import STRIDES

ANCHORS = (1, 3)
"""Boxes for each cell: one, or v5's and v7's three."""
MASKS = 32
"""Numbers of a mask behind the classes, beside an output of prototypes."""
ROTATED = "obb"
"""The task of models whose boxes are turned."""
WITH_MORE = ("segment", "pose")
"""Tasks that a file may name, whose boxes have masks or key points behind their classes."""


class Yolo(Head):
    """One output (batch, boxes, 4 + classes), or with objectness 5 + classes; or the same, its axes swapped."""

    name: ClassVar[str] = "yolo"
    shapes: ClassVar[str] = "(n, boxes, 4 or 5 + classes) or (n, 4 or 5 + classes, boxes)"

    def __init__(self, output: str, trial: Trial, in_columns: bool, objectness: bool, classes: int) -> None:
        self.outputs = [output]
        self.classes = classes
        self._in_columns = in_columns
        self._side = trial.side
        self._objectness = objectness
        self._first = 5 if objectness else 4
        rows = self._rows(trial.outputs[output][0])
        self.suppresses = len(rows) > SET_MAX or len(rows) == count_of(trial.side, STRIDES)
        self._corners = are_corners(rows[:, :4])
        self._raw = not are_probabilities(rows[:, self._first : self._first + classes])
        # The transformers among them are trained on pictures that are stretched.
        fitting: Fitting = "centre" if self.suppresses else "stretch"
        self.prepared = Preparation(order="RGB", fitting=fitting, scale=(1 / 255,) * 3)

    @classmethod
    def read(cls, trial: Trial) -> Self | None:
        """See Head."""
        if trial.task == ROTATED:
            return None
        for output, values in trial.of_rank(3).items():
            _, first, second = values.shape
            in_columns = _in_columns(first, second, trial.side)
            count, width = (second, first) if in_columns else (first, second)
            found = _classes(width, count, in_columns, trial)
            if found is not None:
                return cls(output, trial, in_columns, *found)
        return None

    def decode(self, outputs: Sequence[NDArray[np.float32]], place: int, least: float) -> Candidates:
        """See Head."""
        rows = self._rows(outputs[0][place])
        scores = rows[:, self._first : self._first + self.classes]
        if self._objectness:
            (likely,) = np.nonzero((sigmoid(rows[:, 4]) if self._raw else rows[:, 4]) >= least)
            rows, scores = rows[likely], scores[likely]
        if self._raw:
            scores = sigmoid(scores)
        if self._objectness:
            scores = scores * (sigmoid(rows[:, 4:5]) if self._raw else rows[:, 4:5])
        which, classes, best = chosen(scores, least)
        boxes = rows[which, :4]
        corners = boxes if self._corners else corners_of(boxes[:, :2], boxes[:, 2:])
        return Candidates(in_pixels(corners, self._side), best, classes)

    def _rows(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        return values.T if self._in_columns else values


def _in_columns(first: int, second: int, side: tuple[int, int]) -> bool:
    grids = [anchors * count_of(side, STRIDES) for anchors in ANCHORS]
    if (first in grids) != (second in grids):
        return second in grids
    return second > first


def _classes(width: int, count: int, in_columns: bool, trial: Trial) -> tuple[bool, int] | None:
    """Whether there is an objectness, and how many classes; None if these are no boxes and scores."""
    known = trial.classes or len(COCO_80)
    # Nobody's columns have an objectness: one number more is the angle of a rotated box.
    for objectness in (False,) if in_columns else (False, True):
        if width == known + 4 + objectness:
            return objectness, known
    if trial.classes:
        more = width - 4 - trial.classes
        is_more = (more == MASKS and trial.of_rank(4)) or (trial.task in WITH_MORE and more > 0)
        return (False, trial.classes) if is_more else None
    objectness = not in_columns and count in [anchors * count_of(trial.side, STRIDES) for anchors in ANCHORS]
    classes = width - 4 - objectness
    return (objectness, classes) if classes > 0 else None
