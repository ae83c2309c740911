"""Non-maximum suppression, class by class."""

import cv2
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray


class Candidates(Struct, frozen=True):
    """Boxes (n, 4: left, top, right, bottom), float32; their scores (n), 0 to 1; and classes (n), whole numbers."""

    corners: NDArray[np.float32]
    scores: NDArray[np.float32]
    classes: NDArray[np.int64]

    def at(self, which: NDArray[np.int64] | NDArray[np.bool_]) -> "Candidates":
        """Those of these indices, or where this is true."""
        return Candidates(self.corners[which], self.scores[which], self.classes[which])

    @property
    def sides(self) -> NDArray[np.float32]:
        """Widths and heights (n, 2)."""
        return self.corners[:, 2:] - self.corners[:, :2]


def best_first(candidates: Candidates, overlap: float | None) -> Candidates:
    """Without those that overlap a better one of their class by more than `overlap` (IoU; None: all), best first."""
    real = np.isfinite(candidates.corners).all(axis=1) & (candidates.sides > 0).all(axis=1)
    candidates = candidates.at(np.asarray(real, np.bool_))
    if overlap is None or len(candidates.scores) < 2:
        return candidates.at(np.argsort(-candidates.scores, kind="stable"))
    boxes = np.concatenate([candidates.corners[:, :2], candidates.sides], axis=1)
    kept = np.asarray(
        cv2.dnn.NMSBoxesBatched(boxes.tolist(), candidates.scores.tolist(), candidates.classes.tolist(), 0.0, overlap),
        np.int64,
    ).reshape(-1)
    return candidates.at(kept[np.argsort(-candidates.scores[kept], kind="stable")])


def joined(parts: list[Candidates]) -> Candidates:
    """All of them."""
    if not parts:
        return Candidates(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int64))
    return Candidates(
        np.concatenate([part.corners for part in parts]),
        np.concatenate([part.scores for part in parts]),
        np.concatenate([part.classes for part in parts]),
    )
