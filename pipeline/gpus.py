"""Which GPUs processes of this machine may use, and how they are dealt out."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from functools import cache
from itertools import takewhile
from math import ceil
from typing import Any

VISIBLE = "CUDA_VISIBLE_DEVICES"
"""The variable by which CUDA is told which GPUs a process has: numbers, or UUIDs, of GPUs or of parts (MIG)."""
NO_GPU = ("", "-1")
"""With the first word that names none, CUDA stops to read the variable."""


class TooFewGpusError(Exception):
    """There is no room for everybody."""


def visible_gpus(environ: Mapping[str, str] = os.environ) -> list[str]:
    """The GPUs that CUDA lets this process use, by the words that the variable takes.

    Those that the variable names; without it those that the driver lists, by UUID, since CUDA numbers them in another
    order. None if NVML is not installed or fails. Nothing of CUDA is loaded.
    """
    given = environ.get(VISIBLE)
    if given is not None:
        return list(takewhile(lambda name: name not in NO_GPU, map(str.strip, given.split(","))))
    library = nvml()
    if library is None:
        return []
    try:
        return [_uuid(library, number) for number in range(library.nvmlDeviceGetCount())]
    except library.NVMLError:
        return []


def _uuid(library: Any, number: int) -> str:
    uuid = library.nvmlDeviceGetUUID(library.nvmlDeviceGetHandleByIndex(number))
    return uuid.decode() if isinstance(uuid, bytes) else str(uuid)


@cache
def nvml() -> Any:
    """NVIDIA's library, ready to be asked; None if it is not installed (it comes with the extra `gpu`) or fails."""
    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    return pynvml


def deal(shares: Mapping[str, float], gpus: Sequence[str]) -> dict[str, list[str]]:
    """Who gets which GPUs: the largest shares first, each the GPUs with the most room, so that all are used.

    Where that leaves somebody without, they are packed: see packed. A share is a part of one GPU, or a whole number of
    GPUs, which nobody else gets. The answer depends on nothing but the arguments, so whoever is started again gets the
    same. Raises TooFewGpusError.

    Example:
        deal({"a": 0.5, "b": 1, "c": 0.5}, ["0", "1", "2"])     # {"b": ["0"], "a": ["1"], "c": ["2"]}
    """
    try:
        return _dealt(shares, gpus, lambda room: sorted(room, key=lambda gpu: -room[gpu]))
    except TooFewGpusError:
        return packed(shares, gpus)


def packed(shares: Mapping[str, float], gpus: Sequence[str]) -> dict[str, list[str]]:
    """As `deal`, but on few GPUs: each share goes to the first that have room (first fit, decreasing)."""
    return _dealt(shares, gpus, list)


def _dealt(
    shares: Mapping[str, float], gpus: Sequence[str], ranked: Callable[[dict[str, Fraction]], list[str]]
) -> dict[str, list[str]]:
    room = dict.fromkeys(gpus, Fraction(1))
    dealt: dict[str, list[str]] = {}
    for name in sorted(shares, key=lambda one: -shares[one]):
        # As it is written: three times 0.1 and 0.7 make one.
        share = Fraction(str(shares[name]))
        each = min(share, Fraction(1))
        fitting = [gpu for gpu in ranked(room) if room[gpu] >= each][: ceil(share)]
        if len(fitting) < ceil(share):
            raise TooFewGpusError
        for gpu in fitting:
            room[gpu] -= each
        dealt[name] = fitting
    return dealt


def together(shares: Iterable[float]) -> float:
    """Their sum as they are written: 0.1, 0.2 and 0.7 are one."""
    return float(sum(Fraction(str(share)) for share in shares))


def gpus_for(shares: Mapping[str, float]) -> float:
    """How many GPUs there must be: a part of one if that is enough, or a whole number."""
    total = together(shares.values())
    if total <= 1:
        return total
    enough = [str(number) for number in range(sum(map(ceil, shares.values())))]
    return float(len({gpu for dealt in packed(shares, enough).values() for gpu in dealt}))
