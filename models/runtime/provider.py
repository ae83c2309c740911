"""Which of onnxruntime's execution providers to try for a model: the one requested, or the best available."""

import importlib
import os
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Literal

from msgspec import Struct

from framewire.models.cannot_load import CannotLoadError

Device = Literal["auto", "cpu", "cuda", "tensorrt", "openvino"]
Precision = Literal["float32", "float16"]

PROVIDERS: dict[Device, str] = {
    "tensorrt": "TensorrtExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
RUNTIME_CURE = "install framewire[cpu] or framewire[gpu]"
_PACKAGES = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino")
"""Each provides a module `onnxruntime`; the last one installed wins."""
_AUTO: tuple[Device, ...] = ("cuda", "cpu")
"""In this order. TensorRT builds an engine for minutes; OpenVINO took 0.96 to 1.19 times as long as the CPU provider
on one core of an AMD EPYC: so both are used only on request."""


class RuntimeMissingError(CannotLoadError):
    """onnxruntime is not installed, or twice, or lacks what was requested."""


class Execution(Struct, frozen=True):
    """What a network runs on: `threads` applies to a CPU, `precision` to TensorRT."""

    device: Device = "auto"
    threads: int = 1
    precision: Precision = "float32"


class Candidate(Struct, frozen=True):
    """A provider to try: `name` and `options` are onnxruntime's."""

    device: Device
    name: str
    options: dict[str, str] = {}


def load_runtime() -> ModuleType:
    """The module onnxruntime. Raises RuntimeMissingError."""
    installed = [name for name in _PACKAGES if _is_installed(name)]
    if len(installed) > 1:
        raise RuntimeMissingError(
            f"{' and '.join(installed)} are installed together and overwrite each other; "
            "pip uninstall them all, then install framewire[cpu] or framewire[gpu]"
        )
    # Else it tells Microsoft of its sessions. Programs other than ours load models, too.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        return importlib.import_module("onnxruntime")
    except ImportError as error:
        raise RuntimeMissingError(f"models run on onnxruntime, which is not installed; {RUNTIME_CURE}") from error


def candidates(execution: Execution, available: list[str], engines: Path) -> list[Candidate]:
    """The providers to try, best first, of those that this onnxruntime was built with.

    Being built with one does not mean that its GPU and libraries exist: check after loading a model.
    TensorRT caches what it builds in the folder `engines`. Raises RuntimeMissingError.
    """
    device = execution.device
    words: tuple[Device, ...] = _AUTO if device == "auto" else (device,)
    offered = [word for word in words if PROVIDERS[word] in available]
    if not offered:
        here = ", ".join(word for word, provider in PROVIDERS.items() if provider in available)
        cure = "onnxruntime-openvino in onnxruntime's place" if device == "openvino" else "framewire[gpu]"
        raise RuntimeMissingError(
            f"device {device} was requested, but this onnxruntime offers only {here or 'unknown ones'}; "
            f"install {cure}, or use device: auto"
        )
    if execution.precision == "float16" and device != "tensorrt":
        raise RuntimeMissingError(f"precision float16 is for device tensorrt; device {device} computes in float32")
    return [Candidate(word, PROVIDERS[word], _options(word, execution, engines)) for word in offered]


def _options(word: str, execution: Execution, engines: Path) -> dict[str, str]:
    if word == "tensorrt":
        return {
            "trt_engine_cache_enable": "1",
            "trt_engine_cache_path": str(engines),
            "trt_timing_cache_enable": "1",
            "trt_timing_cache_path": str(engines),
            "trt_fp16_enable": "1" if execution.precision == "float16" else "0",
        }
    if word == "openvino":
        return {"device_type": "CPU", "num_of_threads": str(execution.threads)}
    if word == "cuda":
        # Grow by what is needed, not by doubling: the GPU is shared with other stages.
        return {"arena_extend_strategy": "kSameAsRequested", "cudnn_conv_algo_search": "HEURISTIC"}
    return {}


def _is_installed(distribution: str) -> bool:
    try:
        version(distribution)
    except PackageNotFoundError:
        return False
    return True
