"""A model's answer for a picture, decoded from its output: a label and its score, or years and their range."""

from collections.abc import Iterator, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from framewire.models.catalogue.model_entry import Head

SUM_SLACK = 1e-3
"""Outputs that are not negative and sum to one this closely are probabilities already."""


class Answer(Struct, frozen=True):
    """A label and its probability; for an age, its range and the years."""

    label: str
    score: float | None = None
    value: float | None = None


def teller(head: Head) -> "LabelTeller | AgeTeller":
    """Decoder of a head's output."""
    return AgeTeller(head) if head.kind == "age" else LabelTeller(head)


class LabelTeller:
    """Turns a head's scores into the label with the highest one."""

    def __init__(self, head: Head) -> None:
        self.attribute = head.attribute
        self._labels = head.labels

    def tell(self, rows: NDArray[np.float32]) -> Iterator[Answer]:
        """An answer for each row (n, labels)."""
        shares = probabilities(rows)
        best = shares.argmax(axis=1)
        for label, score in zip(best.tolist(), shares[np.arange(len(best)), best].tolist(), strict=True):
            yield Answer(self._labels[label], score)


class AgeTeller:
    """Turns a head's years into the years and their range."""

    def __init__(self, head: Head) -> None:
        self.attribute = head.attribute
        self._ranges = AgeRanges(head.labels)

    def tell(self, rows: NDArray[np.float32]) -> Iterator[Answer]:
        """An answer for each row (n, 1)."""
        for years in rows[:, 0].tolist():
            yield Answer(self._ranges.of(years), value=round(years, 1))


class AgeRanges:
    """Ranges such as `(25-32)`."""

    def __init__(self, ranges: Sequence[str]) -> None:
        self._edges = [_edges(text) for text in ranges]

    def of(self, years: float) -> str:
        """The range that an age falls in, or the nearest one if in a gap."""
        return min(self._edges, key=lambda edge: max(edge[0] - years, years - edge[1], 0.0))[2]


def _edges(text: str) -> tuple[float, float, str]:
    low, high = (float(edge) for edge in text.strip("()").split("-"))
    return low, high, text


def probabilities(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows (n, labels) as probabilities: softmax, unless they are probabilities already."""
    if rows.min() >= 0 and np.abs(rows.sum(axis=1) - 1).max() <= SUM_SLACK:
        return rows
    raised = np.exp(rows - rows.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True), np.float32)
