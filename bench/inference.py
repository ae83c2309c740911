"""What feeding a network costs: faces per second through a Classifier, and through onnxruntime alone.

Two bare loops take turns with ours in one process. One calls onnxruntime with a prepared tensor: the limit, since no
frame arrives as one. The other prepares the same crops by hand (resize, colours, float, stack, transpose) and calls
onnxruntime. It measures neither detection nor the engine, and the crops are noise: a network's answers do not change
how long it takes.
"""

import time
from collections.abc import Callable
from statistics import median

import cv2
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from bench.absent import need_models
from bench.machine import Machine, this_machine
from framewire.models.cache_folder import cache_folder
from framewire.models.catalogue.entries import find_entry
from framewire.models.catalogue.model_entry import ModelEntry
from framewire.models.classifiers.classifier import Classifier
from framewire.models.classifiers.load_classifier import open_network
from framewire.models.picture import Picture
from framewire.models.runtime.provider import Device, Execution, candidates, load_runtime
from framewire.models.store.model_store import ModelStore

MODELS = ("framewire-age-gender", "framewire-emotion")
BATCHES = (1, 4, 16, 64)
THREADS = (1, 2)
CROP_PX = 120
"""Side of a crop: a face of a hundred pixels, as in a 720p picture of some people."""
SECONDS = 0.7
TURNS = 4
"""Each of the three gets this many turns."""


class Inference(Struct, frozen=True):
    """Faces per second, and ours as a share of each bare loop's."""

    model: str
    batch: int
    threads: int
    framewire: float
    bare: float
    by_hand: float
    share_of_bare: float
    against_by_hand: float


class InferenceFigures(Struct, frozen=True):
    """All rounds."""

    machine: Machine
    rounds: list[Inference]
    device: Device = "cpu"


def inference(device: Device = "cpu") -> InferenceFigures:
    """Measure our own networks. Raises RuntimeMissingError if this machine cannot run them on the device."""
    need_models(*MODELS)
    entries = [find_entry(name) for name in MODELS]
    threads_of = THREADS if device == "cpu" else (1,)
    rounds = [_round(entry, batch, Execution(device, n)) for entry in entries for n in threads_of for batch in BATCHES]
    result = InferenceFigures(this_machine(), rounds, device)
    _show(result)
    return result


def _round(entry: ModelEntry, batch: int, execution: Execution) -> Inference:
    onnxruntime = load_runtime()
    (path,) = ModelStore().need(entry)
    classifier = Classifier(open_network([path], execution), entry.input, entry.answers)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = execution.threads
    options.log_severity_level = 3
    (provider,) = candidates(execution, onnxruntime.get_available_providers(), cache_folder() / "engines")
    session = onnxruntime.InferenceSession(str(path), options, providers=[(provider.name, provider.options)])
    name = session.get_inputs()[0].name
    rng = np.random.default_rng(0)
    crops = [rng.integers(0, 256, (CROP_PX, CROP_PX, 3), np.uint8) for _ in range(batch)]
    ready = _by_hand(entry, crops)
    ours, bare, by_hand = _in_turns(
        [
            lambda: classifier.classify(crops),
            lambda: session.run(None, {name: ready}),
            lambda: session.run(None, {name: _by_hand(entry, crops)}),
        ]
    )
    return Inference(
        entry.name,
        batch,
        execution.threads,
        framewire=round(batch / ours, 1),
        bare=round(batch / bare, 1),
        by_hand=round(batch / by_hand, 1),
        share_of_bare=round(bare / ours, 3),
        against_by_hand=round(by_hand / ours, 3),
    )


def _by_hand(entry: ModelEntry, crops: list[Picture]) -> NDArray[np.float32]:
    size = (entry.input.width, entry.input.height)
    small = [cv2.resize(crop, size, interpolation=cv2.INTER_AREA) for crop in crops]
    if entry.input.order == "grey":
        small = [cv2.cvtColor(one, cv2.COLOR_BGR2GRAY)[..., None] for one in small]
    return np.ascontiguousarray(np.stack(small).astype(np.float32).transpose(0, 3, 1, 2))


def _in_turns(calls: list[Callable[[], object]]) -> list[float]:
    """The median of each call's seconds.

    Each runs for a while before the next: onnxruntime's threads keep spinning after a call, taking another's core.
    """
    taken: list[list[float]] = [[] for _ in calls]
    for _ in range(TURNS):
        for call, seconds in zip(calls, taken, strict=True):
            call()
            end = time.monotonic() + SECONDS / TURNS
            while time.monotonic() < end:
                started = time.perf_counter()
                call()
                seconds.append(time.perf_counter() - started)
    return [median(seconds) for seconds in taken]


def _show(result: InferenceFigures) -> None:
    table = Table(title=f"faces per second on {result.device}, {result.machine.cores} cores")
    for heading in ("model", "threads", "batch", "Framewire", "onnxruntime alone", "share", "by hand", "ratio"):
        table.add_column(heading, justify="right")
    for one in result.rounds:
        table.add_row(
            one.model,
            str(one.threads),
            str(one.batch),
            f"{one.framewire:.0f}",
            f"{one.bare:.0f}",
            f"{one.share_of_bare:.1%}",
            f"{one.by_hand:.0f}",
            f"{one.against_by_hand:.2f}",
        )
    Console().print(table)
