"""A model in onnxruntime: loaded, checked, warmed up, and run in batches."""

import logging
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from framewire.models.cache_folder import cache_folder
from framewire.models.runtime.gpu import gpu_missing
from framewire.models.runtime.network import ModelError, Network
from framewire.models.runtime.onnx_graph import last_operation
from framewire.models.runtime.padding import padded
from framewire.models.runtime.provider import (
    PROVIDERS,
    Candidate,
    Execution,
    RuntimeMissingError,
    candidates,
    load_runtime,
)

log = logging.getLogger("framewire.models")

_ERRORS_ALONE = 3
"""onnxruntime's log level: some published models cause a warning per weight, hundreds of lines."""
DTYPES: dict[str, type[np.generic]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
}
"""Inputs that can be pictures."""
SIZE_DTYPES: dict[str, type[np.generic]] = {
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(float)": np.float32,
}
"""Inputs that can be sizes."""
COLOURS = 3
REASON_MAX = 1000
LIBRARIES = 'its libraries do not load (see above); pip install "framewire[gpu]" brings those of CUDA'
_ON_GPU = ("tensorrt", "cuda")
_WARM_SIZES = (2, 4, 8)
"""Batch sizes of common pipelines; larger ones are rare, and planned when they occur."""


class OnnxSession(Network):
    """A Network in onnxruntime, on the first provider that really starts."""

    def __init__(self, path: Path, execution: Execution, pads: bool | None = None, takes_size: bool = False) -> None:
        """Load the file. Raises ModelError, RuntimeMissingError.

        `pads`: whether batches are padded; None: on a GPU. `takes_size`: the model may have a second input, the size
        to which its boxes are scaled; it gets that of its first, and gives pixels of it.
        """
        runtime = load_runtime()
        self.path = path
        available = runtime.get_available_providers()
        device = execution.device
        without = device == "auto" and PROVIDERS["cuda"] not in available
        self.fallback = "this onnxruntime is built without CUDA" if without else ""
        for candidate in candidates(execution, available, cache_folder() / "engines"):
            why_not = self._start(runtime, candidate, execution.threads)
            if not why_not:
                self.device = candidate.device
                break
            self.fallback = f"{candidate.device} cannot be used: {why_not}"
        else:
            raise RuntimeMissingError(f"{self.fallback}; use device: auto to allow a fallback")
        self.provider = self._session.get_providers()[0]
        self._input, self._size = self._inputs(takes_size)
        self.input_shape = _shape(self._input.shape)
        tensors = [output for output in self._session.get_outputs() if output.type.startswith("tensor(")]
        if not tensors:
            raise ModelError(f"{self.path}: its answers are dictionaries (a ZipMap); export it with zipmap=False")
        self.outputs = {output.name: _shape(output.shape) for output in tensors}
        self.whole_numbers = frozenset(output.name for output in tensors if "int" in output.type)
        if self._input.type not in DTYPES:
            raise ModelError(f"{self.path}: its input is {self._input.type}, and pictures are none")
        self._dtype = DTYPES[self._input.type]
        self.takes_bytes = self._dtype is np.uint8
        on_gpu = self.device in _ON_GPU
        self.metadata = dict(self._session.get_modelmeta().custom_metadata_map)
        self._pads = (on_gpu if pads is None else pads) and self.input_shape[:1] == (None,)

    def run(self, batch: NDArray[np.float32], outputs: Sequence[str] | None = None) -> list[NDArray[np.float32]]:
        """See Network. On a GPU the batch is padded to one of a few sizes, and the outputs are cut back."""
        given = np.asarray(padded(batch) if self._pads else batch, self._dtype)
        try:
            answers = self._session.run(outputs or list(self.outputs), {self._input.name: given, **self._sizes(given)})
        except Exception as error:
            raise ModelError(f"{self.path} fails on an input of {batch.shape}: {_reason(error)}") from error
        return [_floats(answer)[: len(batch)] if self._pads else _floats(answer) for answer in answers]

    def last_operation(self, output: str) -> str:
        """See Network."""
        return last_operation(self.path, output)

    def warm_up(self, shape: tuple[int, ...]) -> dict[str, NDArray[np.float32]]:
        """See Network. Common padded batch sizes are planned now, not at the first crowd."""
        answers = super().warm_up(shape)
        if self._pads:
            for size in _WARM_SIZES:
                self.run(np.full((size, *shape[1:]), 0.5, np.float32))
        return answers

    def _start(self, runtime: ModuleType, candidate: Candidate, threads: int) -> str:
        """Load the model on this provider; returns why that fails, else empty."""
        if candidate.device in _ON_GPU and (missing := gpu_missing()):
            return missing
        if candidate.device in _ON_GPU and hasattr(runtime, "preload_dlls"):
            # The loader does not find CUDA libraries installed by pip.
            runtime.preload_dlls()
        if candidate.device == "tensorrt":
            Path(candidate.options["trt_engine_cache_path"]).mkdir(parents=True, exist_ok=True)
            log.info("%s: TensorRT builds an engine on first run, which may take minutes, and caches it", self.path)
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _ERRORS_ALONE
        # Threads that spin between calls take a core from another stage; within a call spinning makes them faster.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        try:
            self._session = runtime.InferenceSession(
                str(self.path), options, providers=[(candidate.name, candidate.options)]
            )
        except Exception as error:
            # onnxruntime raises its own class for each kind of failure, all under Exception.
            if candidate.device in _ON_GPU:
                # A driver that is too old, or a GPU whose memory is full; what is wrong with the file a CPU tells too.
                return _reason(error)
            raise ModelError(f"{self.path} is not a model that onnxruntime can load: {_reason(error)}") from error
        # It silently falls back to the CPU if a provider's libraries are missing.
        return "" if candidate.name in self._session.get_providers() else LIBRARIES

    def _inputs(self, takes_size: bool) -> tuple[Any, Any]:
        """The input for pictures, and that for their sizes, or None."""
        inputs = self._session.get_inputs()
        if takes_size and len(inputs) == 2:
            sizes = [one for one in inputs if len(one.shape) == 2 and one.shape[1] == 2 and one.type in SIZE_DTYPES]
            pictures = [one for one in inputs if one not in sizes]
            if len(sizes) == len(pictures) == 1:
                return pictures[0], sizes[0]
        if len(inputs) != 1:
            named = ", ".join(one.name for one in inputs)
            raise ModelError(
                f"{self.path}: it has {len(inputs)} inputs ({named}), not one; export it with its picture alone"
            )
        return inputs[0], None

    def _sizes(self, batch: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """The second input of models that have one: width and height of each picture, as D-FINE and RT-DETR want it."""
        if self._size is None:
            return {}
        height, width = batch.shape[1:3] if self.input_shape[3] == COLOURS else batch.shape[2:4]
        return {self._size.name: np.tile(np.array([width, height], SIZE_DTYPES[self._size.type]), (len(batch), 1))}


def _shape(shape: Sequence[Any]) -> tuple[int | None, ...]:
    return tuple(side if isinstance(side, int) else None for side in shape)


def _floats(answer: Any) -> NDArray[np.float32]:
    """Half and double precision, and whole numbers, as float32."""
    return np.asarray(answer, np.float32)


def _reason(error: Exception) -> str:
    """All of onnxruntime's reason, in one line."""
    return " ".join(str(error).split())[:REASON_MAX]
