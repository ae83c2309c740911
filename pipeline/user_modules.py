"""Imports the modules beside a pipeline's YAML file: a user's own `models/`, `stages.py`, `pipeline.py`."""

import importlib.metadata
import re
import sys
from collections.abc import Sequence
from functools import cache
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType


class _Beside(MetaPathFinder):
    """Finds top-level modules in one folder, before any other place."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if path is not None:
            return None
        spec = PathFinder.find_spec(fullname, [self.folder])
        if spec is None or not (spec.loader or _has_python(Path(self.folder, fullname))):
            return None
        return None if _is_needed(fullname, spec) else spec


def look_beside(folder: str) -> None:
    """From now on, modules in this folder come before all others except Framewire's and those it needs.

    What is neither there nor installed is searched for in the current folder.
    """
    if not any(isinstance(finder, _Beside) and finder.folder == folder for finder in sys.meta_path):
        sys.meta_path.insert(0, _Beside(folder))
    for place in (folder, str(Path.cwd())):
        if place not in sys.path:
            sys.path.append(place)


def _has_python(folder: Path) -> bool:
    """Whether it holds modules: a folder of weights or pictures may share its name with an installed package."""
    return any(folder.glob("*.py")) or any(folder.glob("*/*.py"))


def _is_needed(module: str, beside: ModuleSpec) -> bool:
    """Whether Framewire itself imports a module of that name from elsewhere: a user's queue.py must not replace it."""
    if module == "framewire" or module in sys.stdlib_module_names:
        return True
    other = PathFinder.find_spec(module)
    return other is not None and other.origin != beside.origin and module in _needed()


@cache
def _needed() -> frozenset[str]:
    """The top-level modules of all distributions that Framewire requires, and of those that they require."""
    found: set[str] = set()
    due = ["framewire"]
    while due:
        name = due.pop()
        if name not in found:
            found.add(name)
            due += _required_by(name)
    owners = importlib.metadata.packages_distributions()
    return frozenset(module for module, names in owners.items() if found.intersection(map(_normalised, names)))


def _required_by(distribution: str) -> list[str]:
    try:
        return [_normalised(text) for text in importlib.metadata.requires(distribution) or []]
    except importlib.metadata.PackageNotFoundError:
        return []


def _normalised(requirement: str) -> str:
    """A distribution's name, PEP 503 style: `PyYAML>=6` is `pyyaml`."""
    bare = re.match(r"[\w.-]+", requirement)
    return re.sub(r"[-_.]+", "-", bare[0]).lower() if bare else ""
