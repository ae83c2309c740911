"""Loading a classifier by its name in the catalogue, or from a file."""

from pathlib import Path

from framewire.models.cannot_load import CannotLoadError
from framewire.models.catalogue.entries import find_entry
from framewire.models.catalogue.model_entry import ModelEntry
from framewire.models.classifiers.classifier import Classifier
from framewire.models.runtime.dnn_network import DnnNetwork
from framewire.models.runtime.network import ModelError, Network
from framewire.models.runtime.onnx_session import OnnxSession
from framewire.models.runtime.provider import Execution
from framewire.models.store.model_store import ModelStore


def find_classifier(name: str) -> ModelEntry:
    """The entry of that name. Raises UnknownModelError, ModelError if it is not a classifier."""
    entry = find_entry(name)
    if entry.task in ("face detection", "object detection"):
        raise ModelError(f"{entry.name} ({entry.task}) is not a classifier")
    return entry


def files_to_lend(model: str, instead: str, store: ModelStore) -> list[Path]:
    """The files of a classifier of the catalogue that another machine may lack, or of what stands in for it.

    None of a model that is not here, or that is named by its file.
    """
    for name in (model, instead):
        try:
            if files := store.to_lend(find_classifier(name)):
                return files
        except CannotLoadError:
            # Not in the catalogue.
            continue
    return []


def load_classifier(entry: ModelEntry, store: ModelStore, execution: Execution) -> Classifier:
    """A catalogue classifier, its files found or downloaded. Raises CannotLoadError."""
    return Classifier(open_network(store.need(entry), execution), entry.input, entry.answers)


def open_network(files: list[Path], execution: Execution) -> Network:
    """The network in these files: one .onnx, or weights and graph for cv2.dnn. Raises CannotLoadError."""
    if len(files) == 1:
        return OnnxSession(files[0], execution)
    weights, graph = files
    return DnnNetwork(weights, graph, execution.device)
