"""A pipeline made in code: the same as a YAML file, and checked as one."""

import importlib
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any, Self

import yaml

from framewire.pipeline.document.config_error import ConfigError, Place
from framewire.pipeline.document.yaml_text import Quoted, parse_unfilled
from framewire.pipeline.stage import Stage


class Node:
    """A stage of a graph, to be another's input."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"<stage {self.name}>"


class _Dumper(yaml.SafeDumper):
    """Leaves texts with variables in the quotes in which they stood."""


_Dumper.add_representer(Quoted, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"'))


class Graph:
    """Stages, added one by one; `run` and `frames` take it in place of a file.

    `name` and the other keywords are keys of the pipeline itself: window=8, max_failed=0.

    Example:
        graph = framewire.Graph("faces")
        capture = graph.add("capture", source="people.mp4")
        faces = graph.add("face_detect", input=capture, method="dnn")
        graph.add("jsonl_writer", input=faces, path="faces.jsonl")
        framewire.run(graph)
    """

    def __init__(self, name: str = "graph", **keys: Any) -> None:
        self._keys: dict[str, Any] = {"name": name, **keys}
        self._stages: dict[str, dict[str, Any]] = {}
        self.folder = Path.cwd()
        """Where what it names is looked for first, and modules of its own: of a file, the one that it lies in."""

    @classmethod
    def load(cls, path: str | PurePath) -> Self:
        """The graph in a YAML file, to be added to; variables (${X}) stay as they are. Raises OSError, ConfigError."""
        found = parse_unfilled(Path(path).read_text(encoding="utf-8"), str(path))
        if not isinstance(found, dict) or not isinstance(found.get("stages"), dict):
            raise ConfigError(Place(str(path)), "this is not a pipeline: it needs a mapping `stages`")
        for name, keys in found["stages"].items():
            if not isinstance(keys, dict | None):
                raise ConfigError(Place(str(path)), f"stage {name!r} needs a mapping of options")
        graph = cls(**{"name": Path(path).stem, **{key: value for key, value in found.items() if key != "stages"}})
        graph.folder = Path(path).resolve().parent
        graph._stages = {name: dict(keys or {}) for name, keys in found["stages"].items()}
        return graph

    def add(
        self,
        use: str | type[Stage[Any]],
        *,
        name: str = "",
        input: Node | str | Sequence[Node | str] | None = None,  # noqa: A002 - as in YAML
        **options: Any,
    ) -> Node:
        """Add a stage: its name in YAML, module:Class, or a class of your own; `options` are its keys in YAML.

        It is called `name`, by default as what it uses. Raises ValueError for a name that is taken, or a class that
        the run's processes could not import.
        """
        used = use if isinstance(use, str) else importable(use)
        name = name or self._free_name(use if isinstance(use, str) else use.name)
        if name in self._stages:
            raise ValueError(f"there is a stage {name!r} already; give this one another name")
        keys: dict[str, Any] = {"use": used}
        if input is not None:
            keys["input"] = _name(input) if isinstance(input, Node | str) else [_name(one) for one in input]
        self._stages[name] = {**keys, **{key: _plain(value) for key, value in options.items()}}
        return Node(name)

    def to_yaml(self) -> str:
        """The pipeline file that is this graph."""
        whole = {**{key: _plain(value) for key, value in self._keys.items()}, "stages": self._stages}
        return yaml.dump(whole, Dumper=_Dumper, sort_keys=False, allow_unicode=True)

    def __getitem__(self, name: str) -> Node:
        """The stage of that name, as an input of others. Raises KeyError."""
        if name not in self._stages:
            raise KeyError(name)
        return Node(name)

    def _free_name(self, use: str) -> str:
        base = use.rpartition(":")[2].lower()
        number = 1
        while (name := base if number == 1 else f"{base}{number}") in self._stages:
            number += 1
        return name


def importable(cls: type[Stage[Any]]) -> str:
    """`module:Class` by which another process finds a class. Raises ValueError if none can."""
    place = f"{cls.__module__}:{cls.__qualname__}"
    found = None
    if cls.__module__ != "__main__" and "." not in cls.__qualname__:
        found = getattr(importlib.import_module(cls.__module__), cls.__qualname__, None)
    if found is not cls:
        raise ValueError(
            f"{place} cannot be imported by the processes of a run; put the class at the top of a module, a file such "
            "as my_stages.py beside your program, and import it from there"
        )
    return place


def _name(one: Node | str) -> str:
    return one.name if isinstance(one, Node) else one


def _plain(value: Any) -> Any:
    """What YAML can write: paths as text, tuples as lists, NumPy's numbers as numbers."""
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value.item() if hasattr(value, "item") and getattr(value, "ndim", 1) == 0 else value
