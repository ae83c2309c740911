"""Finding stages by name: entry points of installed packages, or `module:Class` of the user's own."""

import importlib
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from framewire.pipeline.nearest import nearest
from framewire.pipeline.stage import Stage

GROUP = "framewire.stages"
"""The entry-point group in which a package announces its stages."""


class UnknownStageError(LookupError):
    """There is no such stage, or what the name points to is not one. The text says what is near."""


@cache
def _targets() -> dict[str, str]:
    return {point.name: point.value for point in entry_points(group=GROUP)}


def known_stages() -> list[str]:
    """The names that YAML may use without naming a module."""
    return sorted(_targets())


def find_stage(name: str) -> type[Stage[Any]]:
    """The class for a name in YAML, or for `module:Class`. Raises UnknownStageError."""
    target = name if ":" in name else _targets().get(name)
    if target is None:
        raise UnknownStageError(_not_known(name))
    module_name, _, class_name = target.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and not module_name.startswith(error.name):
            raise UnknownStageError(f"stage {name} needs the package {error.name}: install it") from error
        raise UnknownStageError(
            f"there is no module {module_name}: it must lie beside the YAML file or be installed"
        ) from error
    except Exception as error:
        raise UnknownStageError(f"module {module_name} does not import: {type(error).__name__}: {error}") from error
    found = getattr(module, class_name, None)
    if found is None:
        where = getattr(module, "__file__", None) or "built in"
        raise UnknownStageError(f"module {module_name} ({where}) has no {class_name}{nearest(class_name, dir(module))}")
    if not (isinstance(found, type) and issubclass(found, Stage)):
        raise UnknownStageError(f"{name} is not a stage: it must derive from framewire.Stage")
    if not hasattr(found, "name"):
        raise UnknownStageError(f"{name} lacks its decorator: put @stage({class_name.lower()!r}) above the class")
    return found


def _not_known(name: str) -> str:
    if not known_stages():
        return f"there is no stage {name!r}, nor any other: Framewire is not installed; pip install -e . does it"
    near = nearest(name, known_stages())
    return f"there is no stage {name!r}{near or '; there are ' + ', '.join(known_stages())}"
