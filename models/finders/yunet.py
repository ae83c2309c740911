"""YuNet: a small face detector with five landmarks (Wu, Peng and Yu, 2023).

The heads and their decoding are those of libfacedetection.train: for each cell (row, column) of the grid of stride s,
score = sqrt(class * objectness); the box centre is ((column, row) + offset) * s and its size exp(size) * s; a landmark
is ((column, row) + offset) * s.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from framewire.models.catalogue.model_entry import ModelInput
from framewire.models.face import LANDMARKS, Face
from framewire.models.finders.face_finder import Thresholds, best_first
from framewire.models.finders.letterbox import Fit, fit_into, multiple
from framewire.models.picture import Picture
from framewire.models.runtime.onnx_session import OnnxSession
from framewire.models.runtime.provider import Execution

STRIDES = (8, 16, 32)
SLACK = 0.999
"""Rounding must not drop a cell before its score is known exactly."""
HEADS = ("cls", "obj", "bbox", "kps")


class YuNet:
    """A FaceFinder. `width` is that of the network's input; its height follows the picture's shape.

    A model with a fixed input ignores `width` and takes one picture at a time.
    """

    def __init__(self, path: Path, facts: ModelInput, thresholds: Thresholds, width: int, execution: Execution) -> None:
        """Load the model. Raises ModelError, RuntimeMissingError."""
        self._session = OnnxSession(path, execution)
        self._outputs = [f"{head}_{stride}" for head in HEADS for stride in STRIDES]
        self._session.check(rank=4, outputs=self._outputs)
        self._fixed = (facts.height, facts.width) if facts.height else None
        self._one_by_one = facts.batch == 1
        self._width = multiple(width, facts.multiple_of)
        self._of = facts.multiple_of
        self._thresholds = thresholds
        self.device, self.provider, self.fallback = self._session.device, self._session.provider, self._session.fallback
        self._session.warm_up((1, 3, *(self._fixed or (self._width, self._width))))

    def find(self, pictures: Sequence[Picture]) -> list[list[Face]]:
        """See FaceFinder."""
        found: list[list[Face]] = [[] for _ in pictures]
        for size, indices in self._groups(pictures).items():
            # One by one, a prepared input is still in the cache when the network reads it.
            at_once = 1 if self._one_by_one else len(indices)
            for start in range(0, len(indices), at_once):
                part = indices[start : start + at_once]
                batch = np.empty((len(part), 3, *size), np.float32)
                fits = [fit_into(pictures[index], planes) for index, planes in zip(part, batch, strict=True)]
                heads = self._session.run(batch, self._outputs)
                for place, index in enumerate(part):
                    found[index] = self._faces([head[place] for head in heads], size, fits[place])
        return found

    def _groups(self, pictures: Sequence[Picture]) -> dict[tuple[int, int], list[int]]:
        """Pictures by the input size that each needs: one call per size."""
        groups: dict[tuple[int, int], list[int]] = {}
        for index, picture in enumerate(pictures):
            groups.setdefault(self._input_size(picture), []).append(index)
        return groups

    def _input_size(self, picture: Picture) -> tuple[int, int]:
        if self._fixed is not None:
            return self._fixed
        height, width = picture.shape[:2]
        scale = min(1.0, self._width / width)
        return multiple(height * scale, self._of), multiple(width * scale, self._of)

    def _faces(self, heads: list[NDArray[np.float32]], size: tuple[int, int], fit: Fit) -> list[Face]:
        boxes, scores, landmarks = decode(heads, size, self._thresholds.score)
        kept = best_first(boxes, scores, self._thresholds)
        boxes, landmarks = fit.to_picture(boxes), fit.to_picture(landmarks)
        return [
            Face(
                (float(boxes[i, 0]), float(boxes[i, 1]), float(boxes[i, 2]), float(boxes[i, 3])),
                float(scores[i]),
                tuple((float(x), float(y)) for x, y in landmarks[i]),
            )
            for i in kept
        ]


def decode(
    heads: list[NDArray[np.float32]], size: tuple[int, int], least: float
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Boxes (n, 4: x, y, width, height), scores (n) and landmarks (n, 5, 2) of at least this score, in input pixels.

    `heads` are class, objectness, box and landmark offsets, each at strides 8, 16 and 32, of one picture; `size` is
    height and width of the input.
    """
    boxes, scores, landmarks = [], [], []
    for level, stride in enumerate(STRIDES):
        of_class, objectness, offsets, points = (heads[kind * len(STRIDES) + level] for kind in range(len(HEADS)))
        # Nearly all cells drop out here, before anything is computed for them.
        (likely,) = np.nonzero(of_class[:, 0] * objectness[:, 0] >= SLACK * least**2)
        score = np.sqrt(np.clip(of_class[likely, 0], 0, 1) * np.clip(objectness[likely, 0], 0, 1))
        chosen, score = likely[score >= least], score[score >= least]
        columns = size[1] // stride
        cell = np.stack([chosen % columns, chosen // columns], axis=1).astype(np.float32)
        middle = (cell + offsets[chosen, :2]) * stride
        extent = np.exp(offsets[chosen, 2:]) * stride
        boxes.append(np.concatenate([middle - extent / 2, extent], axis=1))
        scores.append(score)
        landmarks.append((cell[:, None, :] + points[chosen].reshape(-1, len(LANDMARKS), 2)) * stride)
    return np.concatenate(boxes), np.concatenate(scores), np.concatenate(landmarks)
