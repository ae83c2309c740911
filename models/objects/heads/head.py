"""What a detector's outputs mean: a head recognises them by a trial, and makes boxes of them."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, Self

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from framewire.models.objects.heads.fit import Preparation
from framewire.models.objects.heads.suppression import Candidates

SET_MAX = 1000
"""A head that gives so few boxes has chosen among them itself: DETR's family has 100 to 900, grids have thousands."""
SHARES = 1e-3
"""Probabilities in half precision are a little beyond 0 and 1."""
IN_SHARES = 2.0
"""Coordinates below are shares of the input, not pixels: no box lies in its first two."""


class Trial(Struct, frozen=True):
    """A model's outputs for noise: how they are named and shaped, the input's height and width, and what is known.

    `classes` is how many there are, 0 if nobody has said. `whole` are outputs of integers. `task` is what the file says
    it is for, or empty.
    """

    outputs: Mapping[str, NDArray[np.float32]]
    side: tuple[int, int]
    classes: int
    whole: frozenset[str]
    task: str = ""

    def of_rank(self, rank: int) -> dict[str, NDArray[np.float32]]:
        """The outputs with so many dimensions."""
        return {name: values for name, values in self.outputs.items() if values.ndim == rank}


class Head(ABC):
    """One family of detectors. It declares how its pictures are prepared; the user, or the catalogue, may differ."""

    name: ClassVar[str]
    shapes: ClassVar[str]
    """What its outputs look like, for people."""
    prepared: Preparation
    suppresses: bool = True
    """Whether its boxes still overlap each other."""
    classes: int
    """How many the outputs have, 0 if they do not say."""
    outputs: Sequence[str]
    """The outputs that it needs."""

    @classmethod
    @abstractmethod
    def read(cls, trial: Trial) -> Self | None:
        """The head of a model with such outputs; None if they are not its own."""

    @abstractmethod
    def decode(self, outputs: Sequence[NDArray[np.float32]], place: int, least: float) -> Candidates:
        """The boxes of at least this score of the picture at `place` in the batch, in pixels of the input."""


def cells(side: tuple[int, int], strides: Sequence[int]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Columns and rows (n, 2) of all cells of grids of these strides, and their strides (n, 1)."""
    places, sizes = [], []
    for stride in strides:
        rows, columns = np.divmod(np.arange((side[0] // stride) * (side[1] // stride)), side[1] // stride)
        places.append(np.stack([columns, rows], axis=1))
        sizes.append(np.full((len(rows), 1), stride))
    return np.concatenate(places).astype(np.float32), np.concatenate(sizes).astype(np.float32)


def count_of(side: tuple[int, int], strides: Sequence[int]) -> int:
    """How many cells these grids have."""
    return sum((side[0] // stride) * (side[1] // stride) for stride in strides)


def corners_of(centres: NDArray[np.float32], sizes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Left, top, right, bottom (n, 4) of boxes by their middles and sizes (n, 2)."""
    return np.concatenate([centres - sizes / 2, centres + sizes / 2], axis=1)


def in_pixels(corners: NDArray[np.float32], side: tuple[int, int]) -> NDArray[np.float32]:
    """Boxes in pixels of the input, whether they are, or are shares of its width and height."""
    if not len(corners) or np.abs(corners).max() > IN_SHARES:
        return corners
    return corners * np.array([side[1], side[0]] * 2, np.float32)


def are_corners(boxes: NDArray[np.float32]) -> bool:
    """Whether many boxes (n, 4) are left, top, right, bottom, and not a centre and a size.

    Most sizes are smaller than centres: only at the left and top edges of a picture they are not.
    """
    return bool(((boxes[:, 2] >= boxes[:, 0]) & (boxes[:, 3] >= boxes[:, 1])).mean() > 0.995)


def sigmoid(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """1 / (1 + exp(-x)), without overflow."""
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -80, 80))), np.float32)


def softmax(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Along the last axis."""
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), np.float32)


def are_probabilities(values: NDArray[np.float32]) -> bool:
    """Whether all numbers are between 0 and 1; of noise, raw scores never are."""
    return bool(values.size and values.min() >= -SHARES and values.max() <= 1 + SHARES)


def chosen(
    scores: NDArray[np.float32], least: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Of scores (n, classes): which rows have one of at least `least`, the best class of each, and its score."""
    # Nearly all rows drop out here, before anything is computed for them.
    (rows,) = np.nonzero(scores.max(axis=1) >= least)
    few = scores[rows]
    classes = few.argmax(axis=1)
    return rows, classes, few[np.arange(len(rows)), classes]
