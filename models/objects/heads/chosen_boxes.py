"""Boxes that the model has chosen among itself: as SSD, D-FINE with its postprocessing, and YOLO v10 give them."""

from collections.abc import Sequence
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from framewire.models.objects.heads.fit import Preparation
from framewire.models.objects.heads.head import SET_MAX, Head, Trial, in_pixels
from framewire.models.objects.heads.suppression import Candidates

TENSORFLOW = "detection_"
"""TensorFlow's names for its outputs: its boxes are top, left, bottom, right, and its classes begin with 1."""


class Ssd(Head):
    """Outputs (batch, boxes, 4), (batch, boxes) scores, and (batch, boxes) classes."""

    name: ClassVar[str] = "ssd"
    shapes: ClassVar[str] = "(n, boxes, 4), (n, boxes) scores and (n, boxes) classes"
    prepared = Preparation(order="RGB", fitting="stretch", scale=(1 / 255,) * 3)
    suppresses = False
    classes = 0

    def __init__(self, boxes: str, scores: str, classes: str, trial: Trial) -> None:
        self.outputs = [boxes, scores, classes]
        self._side = trial.side
        is_tensorflow = boxes.startswith(TENSORFLOW)
        self._first = int(is_tensorflow)
        self._order = [1, 0, 3, 2] if is_tensorflow else [0, 1, 2, 3]

    @classmethod
    def read(cls, trial: Trial) -> Self | None:
        """See Head."""
        boxes = [name for name, values in trial.of_rank(3).items() if values.shape[2] == 4]
        if len(boxes) != 1:
            return None
        count = trial.outputs[boxes[0]].shape[1]
        rows = [name for name, values in trial.of_rank(2).items() if values.shape[1] == count]
        classes = [name for name in rows if name in trial.whole or "class" in name.lower() or "label" in name.lower()]
        if len(rows) != 2 or len(classes) != 1:
            return None
        (scores,) = (name for name in rows if name not in classes)
        return cls(boxes[0], scores, classes[0], trial)

    def decode(self, outputs: Sequence[NDArray[np.float32]], place: int, least: float) -> Candidates:
        """See Head."""
        boxes, scores, classes = (values[place] for values in outputs)
        (rows,) = np.nonzero(scores >= least)
        corners = in_pixels(boxes[rows][:, self._order], self._side)
        return Candidates(corners, scores[rows], classes[rows].astype(np.int64) - self._first)


class Rows(Head):
    """One output (batch, boxes, 6): corners, score, class; or v7's (boxes, 7): picture, corners, class, score."""

    name: ClassVar[str] = "rows"
    shapes: ClassVar[str] = "(n, boxes, 6): corners, score, class; or (boxes, 7): picture, corners, class, score"
    prepared = Preparation(order="RGB", fitting="centre", scale=(1 / 255,) * 3)
    suppresses = False
    classes = 0

    def __init__(self, output: str, trial: Trial) -> None:
        self.outputs = [output]
        self._side = trial.side
        self._placed = trial.outputs[output].ndim == 2

    @classmethod
    def read(cls, trial: Trial) -> Self | None:
        """See Head."""
        for output, values in trial.outputs.items():
            is_whole = values.shape[-1:] == (6,) and bool((values[..., 5] == np.round(values[..., 5])).all())
            if values.ndim == 3 and values.shape[1] <= SET_MAX and is_whole:
                return cls(output, trial)
            if values.ndim == 2 and values.shape[1] == 7:
                return cls(output, trial)
        return None

    def decode(self, outputs: Sequence[NDArray[np.float32]], place: int, least: float) -> Candidates:
        """See Head."""
        if self._placed:
            rows = outputs[0][outputs[0][:, 0] == place]
            corners, classes, scores = rows[:, 1:5], rows[:, 5], rows[:, 6]
        else:
            rows = outputs[0][place]
            corners, scores, classes = rows[:, :4], rows[:, 4], rows[:, 5]
        likely = scores >= least
        return Candidates(in_pixels(corners[likely], self._side), scores[likely], classes[likely].astype(np.int64))
