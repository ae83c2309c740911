"""A classifier of pictures: crops or whole frames in, a label and how sure the model is out."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from models.face_finder import Picture
from models.model_entry import Head, ModelInput
from models.onnx_session import ModelError, OnnxSession
from models.provider import Device

CROPS_MAX = 64
"""Crops in one call: more gain nothing, and a crowd must not take the memory of a film."""
SUM_SLACK = 1e-3
"""Answers that are not negative and sum to one this closely are probabilities already."""


class Answer(Struct, frozen=True):
    """A label and its probability; for an age, its range and the years."""

    label: str
    score: float | None = None
    value: float | None = None


class Classifier:
    """One ONNX model with one input of rank 4 (NCHW or NHWC) and one row for each picture in every output."""

    def __init__(
        self, path: Path, facts: ModelInput, heads: Sequence[Head], device: Device = "auto", threads: int = 1
    ) -> None:
        """Load the model and see that its answers fit the heads. Raises ModelError, RuntimeMissingError."""
        self._session = OnnxSession(path, device, threads)
        self._session.check(rank=4, outputs=[head.output for head in heads if head.output])
        self._facts = facts
        self._heads = list(heads)
        colours = 1 if facts.order == "grey" else 3
        self._channels_last = self._session.input_shape[3] == colours and self._session.input_shape[1] != colours
        self._size = self._input_size(path, colours)
        self._at_once = 1 if self._session.input_shape[0] == 1 else CROPS_MAX
        self.provider, self.fallback = self._session.provider, self._session.fallback
        blank = np.zeros((1, *self._size, colours), np.float32)
        warm = self._session.warm_up(self._laid_out(blank).shape)
        first = next(iter(warm))
        self._outputs = [head.output or first for head in self._heads]
        for head, output in zip(self._heads, self._outputs, strict=True):
            _check_labels(path, head, warm[output].size)

    def classify(self, pictures: Sequence[Picture]) -> list[dict[str, Answer]]:
        """What the heads say of each picture, by attribute; the same whatever else is in the batch."""
        said: list[dict[str, Answer]] = [{} for _ in pictures]
        for start in range(0, len(pictures), self._at_once):
            part = pictures[start : start + self._at_once]
            batch = np.stack([self._prepared(picture) for picture in part])
            outputs = self._session.run(self._laid_out(batch), self._outputs)
            for head, rows in zip(self._heads, outputs, strict=True):
                for place, answer in enumerate(_answers(head, rows.reshape(len(part), -1))):
                    said[start + place][head.attribute] = answer
        return said

    def _input_size(self, path: Path, colours: int) -> tuple[int, int]:
        """Height and width: the model's own where they are fixed, else those that were asked for."""
        shape = self._session.input_shape
        channels, height, width = (shape[3], shape[1], shape[2]) if self._channels_last else shape[1:]
        if channels not in (None, colours):
            raise ModelError(f"{path}: its input has {channels} channels, but {self._facts.order} has {colours}")
        size = (height or self._facts.height, width or self._facts.width)
        if not all(size):
            raise ModelError(f"{path}: its input has no fixed size; say `height` and `width`")
        return size

    def _prepared(self, picture: Picture) -> NDArray[np.float32]:
        """(height, width, channels), colours in the model's order, (value - mean) * scale."""
        height, width = self._size
        shrinks = picture.shape[0] > height or picture.shape[1] > width
        small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        if self._facts.order == "grey":
            small = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)[..., None]
        elif self._facts.order == "RGB":
            small = small[..., ::-1]
        mean = np.array(self._facts.mean[: small.shape[2]], np.float32)
        return (small.astype(np.float32) - mean) * np.float32(self._facts.scale)

    def _laid_out(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        return batch if self._channels_last else np.ascontiguousarray(batch.transpose(0, 3, 1, 2))


def _check_labels(path: Path, head: Head, count: int) -> None:
    wanted = 1 if head.kind == "age" else len(head.labels)
    if count != wanted:
        shown = ", ".join(head.labels[:5]) + (", ..." if len(head.labels) > 5 else "")
        raise ModelError(f"{path}: it gives {count} answers, but there are {wanted} labels ({shown})")


def _answers(head: Head, rows: NDArray[np.float32]) -> Iterator[Answer]:
    if head.kind == "age":
        for years in rows[:, 0]:
            yield Answer(range_of(float(years), head.labels), value=round(float(years), 1))
        return
    for row in probabilities(rows):
        best = int(row.argmax())
        yield Answer(head.labels[best], float(row[best]))


def range_of(years: float, ranges: Sequence[str]) -> str:
    """The range, such as `(25-32)`, that an age lies in, or the nearest where they leave gaps."""

    def distance(text: str) -> float:
        low, high = (float(edge) for edge in text.strip("()").split("-"))
        return max(low - years, years - high, 0.0)

    return min(ranges, key=distance)


def probabilities(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows (n, labels) as probabilities: softmax, unless they are probabilities already."""
    if (rows >= 0).all() and np.allclose(rows.sum(axis=1), 1, atol=SUM_SLACK):
        return rows
    raised = np.exp(rows - rows.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True), np.float32)
