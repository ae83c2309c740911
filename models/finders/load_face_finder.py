"""Loading a detector by its name in the catalogue."""

from framewire.models.catalogue.entries import find_entry
from framewire.models.finders.face_finder import FaceFinder, Thresholds
from framewire.models.finders.ssd_res10 import SsdRes10
from framewire.models.finders.ultraface import UltraFace
from framewire.models.finders.yunet import YuNet
from framewire.models.runtime.provider import Execution
from framewire.models.store.model_store import ModelStore


def load_face_finder(
    name: str, thresholds: Thresholds, width: int, store: ModelStore, execution: Execution
) -> FaceFinder:
    """The detector, its files found or downloaded, its shapes checked, warmed up.

    Raises UnknownModelError, ModelMissingError, WrongFileError, ModelError, RuntimeMissingError.
    """
    entry = find_entry(name)
    files = store.need(entry)
    if name == "ssd-res10":
        return SsdRes10(files[0], files[1], entry.input, thresholds, execution)
    if name == "ultraface-rfb-320":
        return UltraFace(files[0], entry.input, thresholds, execution)
    return YuNet(files[0], entry.input, thresholds, width, execution)
