"""Matching boxes to tracks: pairs of maximum total overlap, each box and track once."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from framewire.stages.track.motion import Box


def overlaps(ones: Sequence[Box], others: Sequence[Box]) -> NDArray[np.float64]:
    """Intersection over union of each of (n) with each of (m): (n, m)."""
    a, b = np.asarray(ones, np.float64).reshape(-1, 4), np.asarray(others, np.float64).reshape(-1, 4)
    near = np.maximum(a[:, None, :2], b[None, :, :2])
    far = np.minimum(a[:, None, :2] + a[:, None, 2:], b[None, :, :2] + b[None, :, 2:])
    inner = np.prod(np.maximum(far - near, 0), axis=2)
    union = np.prod(a[:, 2:], axis=1)[:, None] + np.prod(b[:, 2:], axis=1)[None] - inner
    return np.asarray(inner / np.maximum(union, 1e-9), np.float64)


def pairs(likeness: NDArray[np.float64], least: float) -> list[tuple[int, int]]:
    """Matched rows and columns: the assignment with the largest sum, without pairs below `least`."""
    if not likeness.size:
        return []
    rows, columns = linear_sum_assignment(np.where(likeness >= least, likeness, 0.0), maximize=True)
    return [
        (int(row), int(column)) for row, column in zip(rows, columns, strict=True) if likeness[row, column] >= least
    ]
