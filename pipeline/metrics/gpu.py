"""GPU usage of this machine, where NVIDIA's library is available."""

from typing import Any

from msgspec import Struct

from framewire.pipeline.gpus import nvml


class Gpu(Struct, frozen=True):
    """`name` is its number and model; `busy` a share, 0 to 1."""

    name: str
    busy: float
    memory_bytes: int


def gpus() -> list[Gpu]:
    """All GPUs now; none if NVML is not installed (it comes with the extra `gpu`) or fails."""
    library = nvml()
    if library is None:
        return []
    try:
        return [_look(library, number) for number in range(library.nvmlDeviceGetCount())]
    except library.NVMLError:
        return []


def _look(library: Any, number: int) -> Gpu:
    handle = library.nvmlDeviceGetHandleByIndex(number)
    name = library.nvmlDeviceGetName(handle)
    words = name.decode() if isinstance(name, bytes) else name
    busy = library.nvmlDeviceGetUtilizationRates(handle).gpu / 100
    return Gpu(f"{number} {words}", busy, library.nvmlDeviceGetMemoryInfo(handle).used)
