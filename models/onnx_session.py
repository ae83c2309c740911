"""A model in onnxruntime: loaded, checked, warmed up, and asked in batches."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.cannot_load import CannotLoadError
from models.provider import Device, choose_provider, load_runtime

_ERRORS_ALONE = 3
"""onnxruntime's log level: it warns of each weight of some published models, hundreds of lines."""


class ModelError(CannotLoadError):
    """A file that is not a model, or not one of the shape that is needed; the text names file and cause."""


class OnnxSession:
    """One model with one input.

    `input_shape` and `outputs` (name to shape) have None where a dimension is free. `provider` is the execution
    provider in use, `fallback` why it is not a faster one.
    """

    def __init__(self, path: Path, device: Device = "auto", threads: int = 1) -> None:
        """Load the file. Raises ModelError, RuntimeMissingError."""
        runtime = load_runtime()
        chosen = choose_provider(device, runtime.get_available_providers())
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _ERRORS_ALONE
        # A thread that spins while it waits takes the core of another stage.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = runtime.InferenceSession(str(path), options, providers=[chosen.name])
        except Exception as error:
            # onnxruntime raises a class of its own for each kind of trouble, all below Exception.
            raise ModelError(f"{path} is not a model that onnxruntime can load: {_first_line(error)}") from error
        self.path = path
        self.provider = self._session.get_providers()[0]
        self.fallback = chosen.fallback
        self._input = self._only_input()
        self.input_shape = _shape(self._input.shape)
        self.outputs = {output.name: _shape(output.shape) for output in self._session.get_outputs()}

    def check(self, rank: int, outputs: Sequence[str] = ()) -> None:
        """See that the input has this many dimensions, and that these outputs are there. Raises ModelError."""
        if len(self.input_shape) != rank:
            raise ModelError(f"{self.path}: its input has {len(self.input_shape)} dimensions, not {rank}")
        missing = [name for name in outputs if name not in self.outputs]
        if missing:
            raise ModelError(f"{self.path}: it has no output {', '.join(missing)}, only {', '.join(self.outputs)}")

    def run(self, batch: NDArray[np.float32], outputs: Sequence[str] | None = None) -> list[NDArray[np.float32]]:
        """The outputs for a batch, all or those named. Raises ModelError."""
        try:
            answers = self._session.run(outputs, {self._input.name: batch})
        except Exception as error:
            raise ModelError(f"{self.path} fails on an input of {batch.shape}: {_first_line(error)}") from error
        return [np.asarray(answer) for answer in answers]

    def warm_up(self, shape: tuple[int, ...]) -> dict[str, NDArray[np.float32]]:
        """Run once on grey, and see that what comes out, by name, are numbers. Raises ModelError."""
        answers = dict(zip(self.outputs, self.run(np.full(shape, 0.5, np.float32)), strict=True))
        for name, answer in answers.items():
            if not np.isfinite(answer).all():
                raise ModelError(f"{self.path}: output {name} is not a number: its weights are spoilt")
        return answers

    def _only_input(self) -> Any:
        inputs = self._session.get_inputs()
        if len(inputs) != 1:
            raise ModelError(f"{self.path}: it has {len(inputs)} inputs, not one")
        return inputs[0]


def _shape(shape: Sequence[Any]) -> tuple[int | None, ...]:
    return tuple(side if isinstance(side, int) else None for side in shape)


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0][:300]
