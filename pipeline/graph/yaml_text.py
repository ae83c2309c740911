"""YAML with source positions: plain values, and for each of them the line and column it came from.

`${NAME}` and `${NAME:-default}` are replaced by environment variables. Anchors and merge keys work; a file whose
aliases expand to more values than any pipeline needs is refused (the "billion laughs" attack).
"""

import os
import re
from collections.abc import Mapping
from typing import Any

import yaml

from framewire.pipeline.graph.config_error import ConfigError, Place

VALUES_MAX = 20_000
"""Values in one file, aliases expanded: a pipeline of a thousand stages has fewer."""
DEPTH_MAX = 40
"""Nesting depth: a pipeline needs six."""
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_MERGE = "tag:yaml.org,2002:merge"
_STRING = "tag:yaml.org,2002:str"

KeyPath = tuple[str | int, ...]


class Document:
    """A parsed file: `value` of dicts, lists and scalars, and the places of its parts by key path."""

    def __init__(self, file: str, value: Any, places: dict[KeyPath, Place], keys: dict[KeyPath, Place]) -> None:
        self.file = file
        self.value = value
        self._places = places
        self._keys = keys

    def place(self, *path: str | int) -> Place:
        """Place of the value at this path, or of the nearest one around it."""
        for length in range(len(path), -1, -1):
            found = self._places.get(path[:length])
            if found is not None:
                return found
        return Place(self.file)

    def key_place(self, *path: str | int) -> Place:
        """Place of the key at the end of this path."""
        return self._keys.get(path) or self.place(*path)

    def is_overridden(self, *path: str | int) -> bool:
        """Whether the command line has set the value at this path, or a part of it."""
        return any(known[: len(path)] == path and place.file != self.file for known, place in self._places.items())

    def alias(self, path: KeyPath, old: KeyPath) -> None:
        """The value at `path` comes from `old`: errors in it name that place."""
        for places in (self._places, self._keys):
            for known, place in list(places.items()):
                if known[: len(old)] == old:
                    places[(*path, *known[len(old) :])] = place

    def override(self, path: KeyPath, value: Any, origin: str) -> None:
        """Set the value at `path` from the command line; errors in it name `origin`."""
        at = self.value
        for key in path[:-1]:
            if not isinstance(at.get(key), dict):
                at[key] = {}
            at = at[key]
        at[path[-1]] = value
        self._places[path] = self._keys[path] = Place(origin)


def parse(text: str, file: str, environment: Mapping[str, str] | None = None) -> Document:
    """Parse YAML text. Raises ConfigError for invalid YAML, duplicate keys, unset variables and alias bombs."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file)
        problem = (error.problem or error.context or "cannot be read").replace("character '\\t'", "a tab")
        if mark and "${" in text.splitlines()[mark.line]:
            problem += "; inside { } quote the ${...}, or write its key on its own line"
        raise ConfigError(place, f"invalid YAML: {problem}") from error
    except yaml.reader.ReaderError as error:
        raise ConfigError(Place(file), f"invalid YAML: {error.reason} at byte {error.position}") from error
    except RecursionError as error:
        raise ConfigError(Place(file), "this is nested too deeply for a pipeline") from error
    if root is None:
        raise ConfigError(Place(file, 1, 1), "the file is empty; a pipeline needs `stages:`")
    return _Builder(file, os.environ if environment is None else environment).document(root)


def parse_scalar(text: str) -> Any:
    """A value as YAML reads it: `3` is a number, `true` a bool, `[1, 2]` a list. Raises ValueError."""
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"{text!r} is not a YAML value") from error


class _Builder:
    def __init__(self, file: str, environment: Mapping[str, str]) -> None:
        self.file = file
        self.environment = environment
        self.places: dict[KeyPath, Place] = {}
        self.keys: dict[KeyPath, Place] = {}
        self.count = 0
        self.scalars = yaml.SafeLoader("")

    def document(self, root: yaml.Node) -> Document:
        return Document(self.file, self.build(root, ()), self.places, self.keys)

    def place(self, node: yaml.Node) -> Place:
        return Place(self.file, node.start_mark.line + 1, node.start_mark.column + 1)

    def build(self, node: yaml.Node, path: KeyPath) -> Any:
        self.count += 1
        if self.count > VALUES_MAX or len(path) > DEPTH_MAX:
            raise ConfigError(
                self.place(node),
                f"the file expands to more than {VALUES_MAX} values or {DEPTH_MAX} levels: "
                "its aliases multiply; write the values out",
            )
        self.places.setdefault(path, self.place(node))
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]
        assert isinstance(node, yaml.ScalarNode)
        return self.scalar(node)

    def mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        built: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                for part in self.merge_parts(value_node, path):
                    merged = {**part, **merged}
                continue
            if not isinstance(key_node, yaml.ScalarNode):
                raise ConfigError(self.place(key_node), "a key must be a plain word")
            key = str(key_node.value)
            if key in built:
                raise ConfigError(self.place(key_node), f"duplicate key {key!r}; keep one")
            self.keys[(*path, key)] = self.place(key_node)
            self.places[(*path, key)] = self.place(value_node)
            built[key] = self.build(value_node, (*path, key))
        return {**merged, **built}

    def merge_parts(self, node: yaml.Node, path: KeyPath) -> list[dict[str, Any]]:
        nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
        parts = []
        for part in nodes:
            if not isinstance(part, yaml.MappingNode):
                raise ConfigError(self.place(part), "`<<` takes an alias of a mapping")
            self.count += 1
            parts.append(self.mapping(part, path))
        return parts

    def scalar(self, node: yaml.ScalarNode) -> Any:
        text = str(node.value)
        if _VARIABLE.search(text):
            text = _VARIABLE.sub(lambda match: self.variable(match, node), text)
            plain = node.style is None
            tag = self.scalars.resolve(yaml.ScalarNode, text, (True, False)) if plain else _STRING
            node = yaml.ScalarNode(tag, text, node.start_mark, node.end_mark)
        try:
            value = self.scalars.construct_object(node)
        except (yaml.YAMLError, ValueError) as error:
            raise ConfigError(self.place(node), f"{text!r} cannot be read as a value; put it in quotes") from error
        # YAML dates become Python dates; no option of a pipeline is one.
        return value if isinstance(value, str | int | float | bool | None) else text

    def variable(self, match: re.Match[str], node: yaml.Node) -> str:
        name, default = match.group(1), match.group(2)
        value = self.environment.get(name)
        if value is None and default is None:
            raise ConfigError(
                self.place(node),
                f"the environment variable {name} is not set; set it, or write ${{{name}:-default}}",
            )
        return value if value is not None else default or ""
