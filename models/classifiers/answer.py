"""A model's answer for a picture, decoded from its output: a label and its score, or a number."""

from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from framewire.models.catalogue.age_ranges import AgeRanges
from framewire.models.catalogue.model_entry import AnswerKind, Head
from framewire.models.runtime.network import ModelError

Rows = NDArray[np.float32]
DONE = frozenset({"Softmax", "QLinearSoftmax", "Sigmoid", "QLinearSigmoid", "HardSigmoid"})
"""Operations whose outputs are scores already."""
LOGARITHMS = "LogSoftmax"
ONE_OF_TWO = 2


class Answer(Struct, frozen=True):
    """A label and its probability; for a number, its range, if it has ranges, and the number."""

    label: str
    score: float | None = None
    value: float | None = None


class Teller(Protocol):
    """Decodes the output of one head."""

    attribute: str

    def tell(self, rows: Rows) -> Iterator[Answer | None]:
        """An answer for each row (n, numbers); None for one that is not finite."""


def teller(head: Head, count: int, operation: str) -> Teller:
    """Decoder of a head's output of `count` numbers, made by the graph's last `operation`.

    Raises ModelError: the text is about the model, without its name.
    """
    if head.kind == "age":
        if count != 1:
            raise ModelError(f"its {head.attribute} has {count} numbers, and an age is one")
        return NumberTeller(head.attribute, AgeRanges(head.labels).of, digits=1)
    if head.answer == "value":
        if count != 1:
            raise ModelError(f"it gives {count} numbers, and `answer: value` is for one")
        return NumberTeller(head.attribute, lambda number: f"{number:.4g}")
    shares = _shares(head.answer, operation)
    if count == 1 and len(head.labels) <= ONE_OF_TWO:
        if head.answer == "auto" and operation not in DONE:
            raise ModelError(
                "it gives one number; set `answer: value` if that is the answer, `answer: sigmoid` for yes or no, "
                "or `answer: scores` if it is a probability already"
            )
        return YesTeller(head, shares if head.answer != "softmax" else _sigmoid)
    if count != len(head.labels):
        shown = ", ".join(head.labels[:5]) + (", ..." if len(head.labels) > 5 else "")
        raise ModelError(f"it gives {count} answers, but there are {len(head.labels)} labels ({shown})")
    return LabelTeller(head, shares)


class LabelTeller:
    """Turns a head's scores into the label with the highest one."""

    def __init__(self, head: Head, shares: Callable[[Rows], Rows]) -> None:
        self.attribute = head.attribute
        self._labels = head.labels
        self._shares = shares

    def tell(self, rows: Rows) -> Iterator[Answer | None]:
        """See Teller."""
        shares = self._shares(rows)
        best = shares.argmax(axis=1).tolist()
        finite = [bool(np.isfinite(row).all()) for row in rows]
        for place, label in enumerate(best):
            yield Answer(self._labels[label], float(shares[place, label])) if finite[place] else None


class YesTeller:
    """Turns one probability into yes or no: the second label or the first; of one label, it or `not` it."""

    def __init__(self, head: Head, shares: Callable[[Rows], Rows]) -> None:
        self.attribute = head.attribute
        only = head.labels[0] if head.labels else "yes"
        self._no, self._yes = head.labels if len(head.labels) == ONE_OF_TWO else (f"not {only}", only)
        self._shares = shares

    def tell(self, rows: Rows) -> Iterator[Answer | None]:
        """See Teller."""
        for share in self._shares(rows)[:, 0].tolist():
            if not np.isfinite(share):
                yield None
            else:
                yield Answer(self._yes, share) if share >= 0.5 else Answer(self._no, 1 - share)


class NumberTeller:
    """Turns a head's number into it and its name, such as an age and its range."""

    def __init__(self, attribute: str, name: Callable[[float], str], digits: int = 4) -> None:
        self.attribute = attribute
        self._name = name
        self._digits = digits

    def tell(self, rows: Rows) -> Iterator[Answer | None]:
        """See Teller."""
        for number in rows[:, 0].tolist():
            yield Answer(self._name(number), value=round(number, self._digits)) if np.isfinite(number) else None


def _shares(kind: AnswerKind, operation: str) -> Callable[[Rows], Rows]:
    """From a head's numbers to scores: each row by itself, so that no batch changes it."""
    if kind == "auto":
        if operation == LOGARITHMS:
            return np.exp
        return _as_they_are if operation in DONE else softmax
    return {"softmax": softmax, "sigmoid": _sigmoid, "scores": _as_they_are}[kind]


def softmax(rows: Rows) -> Rows:
    """Rows (n, labels) as probabilities."""
    with np.errstate(invalid="ignore", over="ignore"):
        raised = np.exp(rows - rows.max(axis=1, keepdims=True))
        return np.asarray(raised / raised.sum(axis=1, keepdims=True), np.float32)


def _sigmoid(rows: Rows) -> Rows:
    with np.errstate(over="ignore"):
        return np.asarray(1 / (1 + np.exp(-rows)), np.float32)


def _as_they_are(rows: Rows) -> Rows:
    return rows
