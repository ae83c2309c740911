"""Plain boxes, and a score of each class for every box: SSD's kind, and DETR's, whose few boxes are a set already."""

from collections.abc import Sequence
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from framewire.models.catalogue.coco import COCO_80, COCO_90
from framewire.models.objects.heads.fit import Preparation
from framewire.models.objects.heads.head import (
    SET_MAX,
    Head,
    Trial,
    are_corners,
    are_probabilities,
    chosen,
    corners_of,
    in_pixels,
    sigmoid,
    softmax,
)
from framewire.models.objects.heads.suppression import Candidates

IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_SCALE = (1 / 58.395, 1 / 57.12, 1 / 57.375)
RF_DETR = {"dets", "labels"}
"""RF-DETR's names for its outputs; of its family, it alone wants ImageNet's mean."""


class Boxes(Head):
    """Outputs (batch, boxes, 4) and (batch, boxes, classes), thousands of them, that overlap."""

    name: ClassVar[str] = "boxes"
    shapes: ClassVar[str] = f"(n, boxes, 4) and (n, boxes, classes), more than {SET_MAX} boxes"
    is_set: ClassVar[bool] = False

    def __init__(self, boxes: str, scores: str, trial: Trial) -> None:
        self.outputs = [boxes, scores]
        self.suppresses = not self.is_set
        self._side = trial.side
        width = trial.outputs[scores].shape[2]
        self._has_background = width == (trial.classes or len(COCO_80)) + 1
        # DETR's "no object" is the last class, the background of older ones the first.
        self._columns = slice(None)
        if self._has_background:
            self._columns = slice(0, -1) if self.is_set else slice(1, None)
        self.classes = width - self._has_background
        if not trial.classes and width == len(COCO_90) + 1:
            # COCO's categories by their number: nothing is 0.
            self._columns, self.classes = slice(1, None), len(COCO_90)
        elif not trial.classes and width == len(COCO_90) + 2:
            self._columns, self.classes, self._has_background = slice(1, -1), len(COCO_90), True
        self._raw = not are_probabilities(trial.outputs[scores])
        self._corners = are_corners(trial.outputs[boxes][0])
        is_imagenet = set(trial.outputs) >= RF_DETR
        # RF-DETR's scores are independent of each other, that of its last class, too.
        self._shares = self._has_background and not is_imagenet
        self.prepared = Preparation(
            order="RGB",
            fitting="stretch",
            mean=IMAGENET_MEAN if is_imagenet else (0.0, 0.0, 0.0),
            scale=IMAGENET_SCALE if is_imagenet else (1 / 255,) * 3,
        )

    @classmethod
    def read(cls, trial: Trial) -> Self | None:
        """See Head."""
        outputs = trial.of_rank(3)
        for boxes, values in outputs.items():
            count = values.shape[1]
            if values.shape[2] != 4 or (count <= SET_MAX) != cls.is_set:
                continue
            for scores, others in outputs.items():
                has_classes = trial.classes in (0, others.shape[2], others.shape[2] - 1)
                if scores != boxes and others.shape[1] == count and has_classes:
                    return cls(boxes, scores, trial)
        return None

    def decode(self, outputs: Sequence[NDArray[np.float32]], place: int, least: float) -> Candidates:
        """See Head."""
        boxes, scores = outputs[0][place], outputs[1][place]
        if self._raw:
            scores = softmax(scores) if self._shares else sigmoid(scores)
        which, classes, best = chosen(scores[:, self._columns], least)
        few = boxes[which]
        corners = few if self._corners else corners_of(few[:, :2], few[:, 2:])
        return Candidates(in_pixels(corners, self._side), best, classes)


class Detr(Boxes):
    """DETR (Carion et al., 2020), RT-DETR, D-FINE, RF-DETR: up to SET_MAX boxes, each another object."""

    name: ClassVar[str] = "detr"
    shapes: ClassVar[str] = f"(n, boxes, 4) and (n, boxes, classes), at most {SET_MAX} boxes"
    is_set: ClassVar[bool] = True
