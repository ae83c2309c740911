"""Which of onnxruntime's execution providers runs a model: what was asked for, or the best that is really there."""

import importlib
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType
from typing import Literal

from msgspec import Struct

from models.cannot_load import CannotLoadError

Device = Literal["auto", "cpu", "cuda", "tensorrt", "openvino"]

_PROVIDERS: dict[str, str] = {
    "tensorrt": "TensorrtExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
_AUTO = ("cuda", "openvino", "cpu")
"""In this order; TensorRT builds an engine for minutes, so it is taken only when it is asked for."""


class RuntimeMissingError(CannotLoadError):
    """onnxruntime is not installed, or twice, or without what was asked for."""


class ChosenProvider(Struct, frozen=True):
    """`name` is onnxruntime's; `fallback` says why it is not a faster one, or nothing."""

    name: str
    fallback: str = ""


def load_runtime() -> ModuleType:
    """The module onnxruntime. Raises RuntimeMissingError."""
    installed = [name for name in ("onnxruntime", "onnxruntime-gpu") if _is_installed(name)]
    if len(installed) > 1:
        raise RuntimeMissingError(
            "onnxruntime and onnxruntime-gpu are both installed and overwrite each other; "
            "pip uninstall both, then install one of framewire[cpu] and framewire[gpu]"
        )
    try:
        return importlib.import_module("onnxruntime")
    except ImportError as error:
        raise RuntimeMissingError(
            "models run on onnxruntime, which is not installed; install framewire[cpu] or framewire[gpu]"
        ) from error


def choose_provider(device: Device, available: list[str]) -> ChosenProvider:
    """The provider for a device, of those that onnxruntime has. Raises RuntimeMissingError where it is not there."""
    if device != "auto":
        name = _PROVIDERS[device]
        if name not in available:
            here = ", ".join(word for word, provider in _PROVIDERS.items() if provider in available)
            raise RuntimeMissingError(
                f"device {device} is asked for, but this onnxruntime offers {here} alone; "
                "install framewire[gpu] on a machine with a GPU, or say device: auto"
            )
        return ChosenProvider(name)
    for word in _AUTO:
        if _PROVIDERS[word] in available:
            missing = _AUTO[: _AUTO.index(word)]
            return ChosenProvider(_PROVIDERS[word], f"no {' or '.join(missing)} here" if missing else "")
    raise RuntimeMissingError("this onnxruntime has no provider that Framewire knows")


def _is_installed(distribution: str) -> bool:
    try:
        version(distribution)
    except PackageNotFoundError:
        return False
    return True
