"""A loaded network on any runtime, as finders and classifiers use it."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from framewire.models.cannot_load import CannotLoadError
from framewire.models.runtime.provider import Device


class ModelError(CannotLoadError):
    """A file is not a model, or not of the required shape; the message names file and cause."""


class Placed(Protocol):
    """Anything that has a device and a provider."""

    device: Device
    provider: str
    fallback: str


def told(placed: Placed) -> str:
    """Where it runs and why, as text: `runs on CPUExecutionProvider (...)`."""
    return f"runs on {placed.provider}" + (f" ({placed.fallback})" if placed.fallback else "")


class Network(ABC):
    """One model with one input, run in batches.

    `input_shape` and `outputs` (name to shape) have None where a dimension is free or unknown. `device` is where it
    runs, `provider` what runs it, `fallback` why not a faster one. `takes_bytes` says that its input is whole numbers,
    0 to 255.
    """

    path: Path
    device: Device
    provider: str
    fallback: str
    input_shape: tuple[int | None, ...]
    outputs: dict[str, tuple[int | None, ...]]
    whole_numbers: frozenset[str] = frozenset()
    """Those of its outputs that are integers."""
    takes_bytes: bool = False

    def last_operation(self, output: str) -> str:
        """The operation that makes an output, such as Softmax; empty if that cannot be told."""
        return ""

    @abstractmethod
    def run(self, batch: NDArray[np.float32], outputs: Sequence[str] | None = None) -> list[NDArray[np.float32]]:
        """The outputs for a batch, all or those named. Raises ModelError."""

    def check(self, rank: int, outputs: Sequence[str] = ()) -> None:
        """Check that the input has this many dimensions and that these outputs exist. Raises ModelError."""
        if len(self.input_shape) != rank:
            raise ModelError(f"{self.path}: its input has {len(self.input_shape)} dimensions, not {rank}")
        missing = [name for name in outputs if name not in self.outputs]
        if missing:
            raise ModelError(f"{self.path}: it has no output {', '.join(missing)}, only {', '.join(self.outputs)}")

    def warm_up(self, shape: tuple[int, ...]) -> dict[str, NDArray[np.float32]]:
        """Run once on grey and return the outputs by name, all finite. Raises ModelError."""
        answers = dict(zip(self.outputs, self.run(np.full(shape, 0.5, np.float32)), strict=True))
        for name, answer in answers.items():
            if not np.isfinite(answer).all():
                raise ModelError(f"{self.path}: output {name} is not finite: the weights are corrupt")
        return answers
