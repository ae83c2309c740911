"""From a model's name in the catalogue to a detector that is ready."""

from models.catalogue import find_entry
from models.face_finder import FaceFinder, Thresholds
from models.model_store import ModelStore
from models.provider import Execution
from models.ssd_res10 import SsdRes10
from models.ultraface import UltraFace
from models.yunet import YuNet


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
