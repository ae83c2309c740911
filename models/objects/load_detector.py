"""Loading a detector by its name in the catalogue, or from a file."""

from pathlib import Path

import msgspec

from framewire.models.catalogue.entries import find_entry
from framewire.models.catalogue.model_entry import ModelEntry
from framewire.models.objects.detector import Detector, Reading, Wanted
from framewire.models.objects.heads.known import HeadName
from framewire.models.objects.tiles import Tiling
from framewire.models.runtime.network import ModelError
from framewire.models.runtime.onnx_session import OnnxSession
from framewire.models.runtime.provider import Execution
from framewire.models.store.model_store import ModelStore

TASK = "object detection"


def find_detector(name: str) -> ModelEntry:
    """The entry of that name. Raises UnknownModelError, ModelError if it is no object detector."""
    entry = find_entry(name)
    if entry.task != TASK:
        raise ModelError(f"{entry.name} ({entry.task}) is no object detector")
    return entry


def is_file(model: str) -> bool:
    """Whether a model is named by its file, not by its name in the catalogue."""
    return model.lower().endswith(".onnx")


def load_detector(
    model: str, reading: Reading, wanted: Wanted, tiling: Tiling, store: ModelStore, execution: Execution
) -> Detector:
    """The detector in an .onnx file, or a catalogue's, its file found or downloaded. Raises CannotLoadError."""
    if is_file(model):
        return Detector(OnnxSession(Path(model), execution, takes_size=True), reading, wanted, tiling)
    entry = find_detector(model)
    (path,) = store.need(entry)
    head = msgspec.convert(entry.head, HeadName)
    known = msgspec.structs.replace(reading, head=head, labels=entry.labels, order=entry.input.order)
    return Detector(OnnxSession(path, execution), known, wanted, tiling)
