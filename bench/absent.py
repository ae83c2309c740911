"""What a measurement needs and a machine may lack: a model's file, a package, a program."""

from importlib.util import find_spec

from framewire.models.cannot_load import CannotLoadError
from framewire.models.catalogue.entries import find_entry
from framewire.models.store.model_store import ModelStore


class AbsentError(Exception):
    """Something is missing here; the message says what, and how to get it."""


def need_models(*names: str) -> None:
    """Raises AbsentError if a model cannot run here. Nothing is downloaded: that would be measured, too."""
    need_package("onnxruntime", "framewire[cpu]")
    for name in names:
        try:
            here = ModelStore().find(find_entry(name)) is not None
        except CannotLoadError as error:
            raise AbsentError(str(error)) from error
        if not here:
            raise AbsentError(f"{name} is not on this machine; get it with: framewire models pull {name}")


def need_package(module: str, install: str) -> None:
    """Raises AbsentError if a Python package is missing."""
    if find_spec(module) is None:
        raise AbsentError(f"{module} is not installed; pip install '{install}'")
