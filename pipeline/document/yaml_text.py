"""YAML with source positions: plain values, and for each of them the line and column it came from.

`${NAME}` and `${NAME:-default}` are replaced by environment variables. Anchors and merge keys work; a file whose
aliases expand to more values than any pipeline needs is refused (the "billion laughs" attack).
"""

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from framewire.pipeline.document.config_error import ConfigError, Place

VALUES_MAX = 20_000
"""Values in one file, aliases expanded: a pipeline of a thousand stages has fewer."""
DEPTH_MAX = 40
"""Nesting depth: a pipeline needs six."""
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_COMMENT = re.compile(r":\s+#\S")
_MERGE = "tag:yaml.org,2002:merge"
_STRING = "tag:yaml.org,2002:str"

KeyPath = tuple[str | int, ...]


class Document:
    """A parsed file: `value` of dicts, lists and scalars, and the places of its parts by key path."""

    def __init__(
        self,
        file: str,
        value: Any,
        places: dict[KeyPath, Place],
        keys: dict[KeyPath, Place],
        bent: dict[KeyPath, str],
    ) -> None:
        """`bent` is how values are written that YAML takes for something else than text."""
        self.file = file
        self._bent = bent
        self.value = value
        self._places = places
        self._keys = keys
        self._aliases: dict[KeyPath, list[KeyPath]] = {}
        self._overridden: list[KeyPath] = []

    def place(self, *path: str | int) -> Place:
        """Place of the value at this path, or of the nearest one around it."""
        for length in range(len(path), -1, -1):
            found = self._known(self._places, path[:length])
            if found is not None:
                return found
        return Place(self.file)

    def key_place(self, *path: str | int) -> Place:
        """Place of the key at the end of this path."""
        return self._known(self._keys, path) or self.place(*path)

    def written(self, *path: str | int) -> str:
        """How a value is written that YAML takes for a number, a bool, nothing or a comment; else empty."""
        return self._bent.get(path, "")

    def is_overridden(self, *path: str | int) -> bool:
        """Whether the command line has set the value at this path, or a part of it."""
        origins = list(self._origins(path))
        return any(known[: len(one)] == one for known in self._overridden for one in origins)

    def alias(self, path: KeyPath, old: KeyPath) -> None:
        """The value at `path` comes from `old`: errors in it name that place. The last such `old` comes first."""
        if path != old:
            self._aliases.setdefault(path, []).append(old)

    def _origins(self, path: KeyPath) -> Iterator[KeyPath]:
        """Where the value at this path may have come from, the path itself last."""
        for length in range(len(path), 0, -1):
            for old in reversed(self._aliases.get(path[:length], [])):
                yield from self._origins((*old, *path[length:]))
        yield path

    def _known(self, places: Mapping[KeyPath, Place], path: KeyPath) -> Place | None:
        return next((found for one in self._origins(path) if (found := places.get(one)) is not None), None)

    def override(self, path: KeyPath, value: Any, origin: str, written: str = "") -> None:
        """Set the value at `path` from the command line, as `written`; errors in it name `origin`."""
        self._bent[path] = "" if isinstance(value, str) else written
        at = self.value
        for key in path[:-1]:
            if not isinstance(at.get(key), dict):
                at[key] = {}
            at = at[key]
        at[path[-1]] = value
        self._places[path] = self._keys[path] = Place(origin)
        self._overridden.append(path)


def parse(text: str, file: str, environment: Mapping[str, str] | None = None) -> Document:
    """Parse YAML text. Raises ConfigError for invalid YAML, duplicate keys, unset variables and alias bombs."""
    return _Builder(file, text, os.environ if environment is None else environment).document(_composed(text, file))


class Quoted(str):
    """A text with variables that stood in quotes: whatever these are, it is text."""


def parse_unfilled(text: str, file: str) -> Any:
    """The values of YAML text, in which variables stay as they are written (see Quoted). Raises ConfigError."""
    return _Builder(file, text, None).document(_composed(text, file)).value


def _composed(text: str, file: str) -> yaml.Node:
    try:
        root: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file)
        problem = (error.problem or error.context or "cannot be read").replace("character '\\t'", "a tab")
        if mark and "${" in text.splitlines()[mark.line]:
            problem += "; inside { } quote the ${...}, or write its key on its own line"
        elif mark and _COMMENT.search("\n".join(text.splitlines()[: mark.line + 1][-2:])):
            problem += "; a # begins a comment: put such a value in quotes"
        raise ConfigError(place, f"invalid YAML: {problem}") from error
    except yaml.reader.ReaderError as error:
        raise ConfigError(Place(file), f"invalid YAML: {error.reason} at byte {error.position}") from error
    except RecursionError as error:
        raise ConfigError(Place(file), "this is nested too deeply for a pipeline") from error
    if root is None:
        raise ConfigError(Place(file, 1, 1), "the file is empty; a pipeline needs `stages:`")
    return root


def parse_scalar(text: str) -> Any:
    """A value as a file would have it behind its key: `3` is a number, `true` a bool, `[1, 2]` a list, `{a: 1}` a dict.

    Whatever else it is, is a word, and all of it: `#00ff00`, `{stream}.mp4`, `%d`, a date.
    """
    if text.lstrip()[:1] in {"[", "{", "'", '"'}:
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError:
            return text
        is_field = isinstance(value, dict) and None in value.values()
        return text if is_field else value
    loader = yaml.SafeLoader("")
    tag = loader.resolve(yaml.ScalarNode, text, (True, False))
    try:
        return _no_date(loader.construct_object(yaml.ScalarNode(tag, text)), text)
    except (yaml.YAMLError, ValueError):
        return text


def _no_date(value: Any, text: str) -> Any:
    """YAML dates become Python dates; no option of a pipeline is one."""
    return value if isinstance(value, str | int | float | bool | None) else text


class _Builder:
    def __init__(self, file: str, text: str, environment: Mapping[str, str] | None) -> None:
        # None: variables stay as they are written.
        self.file = file
        self.lines = text.splitlines()
        self.bent: dict[KeyPath, str] = {}
        self.environment = environment
        self.places: dict[KeyPath, Place] = {}
        self.keys: dict[KeyPath, Place] = {}
        self.count = 0
        self.scalars = yaml.SafeLoader("")

    def document(self, root: yaml.Node) -> Document:
        return Document(self.file, self.build(root, ()), self.places, self.keys, self.bent)

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
        return self.scalar(node, path)

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

    def scalar(self, node: yaml.ScalarNode, path: KeyPath) -> Any:
        text = str(node.value)
        if self.environment is not None and _VARIABLE.search(text):
            known = self.environment
            text = _VARIABLE.sub(lambda match: self.variable(match, node, known), text)
            plain = node.style is None
            tag = self.scalars.resolve(yaml.ScalarNode, text, (True, False)) if plain else _STRING
            node = yaml.ScalarNode(tag, text, node.start_mark, node.end_mark)
        elif self.environment is None and node.style is not None and _VARIABLE.search(text):
            return Quoted(text)
        try:
            value = self.scalars.construct_object(node)
        except (yaml.YAMLError, ValueError) as error:
            raise ConfigError(self.place(node), f"{text!r} cannot be read as a value; put it in quotes") from error
        value = _no_date(value, text)
        if not isinstance(value, str):
            self.bent[path] = text or self.comment_at(node)
        return value

    def comment_at(self, node: yaml.ScalarNode) -> str:
        """What stands in place of a value but is a comment, such as a colour."""
        line = self.lines[node.start_mark.line] if node.start_mark.line < len(self.lines) else ""
        found = re.search(r":\s+(#\S.*)$", line)
        return found[1].strip() if found else ""

    def variable(self, match: re.Match[str], node: yaml.Node, environment: Mapping[str, str]) -> str:
        name, default = match.group(1), match.group(2)
        value = environment.get(name)
        if not value and default is not None:
            # As in a shell: a variable that is set, but empty, has the default, too.
            return default
        if value is None:
            raise ConfigError(
                self.place(node),
                f"the environment variable {name} is not set; set it, or write ${{{name}:-default}}",
            )
        return value
