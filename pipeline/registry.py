"""Finds stages by name: entry points of installed packages, or the user's own `module:Class`."""

import importlib
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from framewire.pipeline.nearest import nearest
from framewire.pipeline.stage import Stage

GROUP = "framewire.stages"
"""The entry-point group in which a package registers its stages."""


_ROOMS = ("pipeline", "stages", "models")


class UnknownStageError(LookupError):
    """There is no such stage, or the name points to something else. The text suggests a name."""


@cache
def _targets() -> dict[str, str]:
    return {point.name: point.value for point in entry_points(group=GROUP)}


def known_stages() -> list[str]:
    """The names that YAML may use without a module."""
    return sorted(_targets())


def find_stage(name: str) -> type[Stage[Any]]:
    """The class for a name in YAML, or for `module:Class`. Raises UnknownStageError."""
    target = name if ":" in name else _targets().get(name)
    if target is None:
        raise UnknownStageError(_not_known(name))
    found = find_class(target)
    if not (isinstance(found, type) and issubclass(found, Stage)):
        raise UnknownStageError(f"{name} is not a stage: it must derive from framewire.Stage")
    if not hasattr(found, "name"):
        raise UnknownStageError(f"{name} has no decorator: put @stage({found.__name__.lower()!r}) above the class")
    return found


def find_class(target: str) -> object:
    """What `module:Class` names, beside the YAML file or installed. Raises UnknownStageError."""
    module_name, _, class_name = target.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if missing and not f"{module_name}.".startswith(f"{missing}."):
            raise UnknownStageError(_not_importable(module_name, missing)) from error
        raise UnknownStageError(
            f"there is no module {module_name}: put it beside the YAML file or install it"
        ) from error
    except Exception as error:
        raise UnknownStageError(f"importing {module_name} failed: {type(error).__name__}: {error}") from error
    found = getattr(module, class_name, None)
    if found is None:
        where = getattr(module, "__file__", None) or "built in"
        raise UnknownStageError(f"module {module_name} ({where}) has no {class_name}{nearest(class_name, dir(module))}")
    return found


def _not_importable(module: str, missing: str) -> str:
    ours = f"; Framewire's own is framewire.{missing}" if missing.split(".")[0] in _ROOMS else ""
    return f"module {module} imports {missing}, which is neither beside the YAML file nor installed{ours}"


def _not_known(name: str) -> str:
    if not known_stages():
        return f"there is no stage {name!r}, nor any other: Framewire is not installed; run `pip install -e .`"
    near = nearest(name, known_stages())
    return f"unknown stage {name!r}{near or '; choose from ' + ', '.join(known_stages())}"
