"""Options that name an input: what lies beside the YAML file is read from there, whatever the current folder."""

import glob
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_type_hints

import msgspec
from msgspec import Struct

from framewire.pipeline.option import INPUT, default_of, metas_of, part_of


def beside(struct: type[Struct], values: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The values of a stage's options, with each input found in `folder` as an absolute path.

    Defaults, and paths that are not there, stay as they are.
    """
    hints = get_type_hints(struct, include_extras=True)
    fields = {field.name: field for field in msgspec.structs.fields(struct)}
    return {
        name: value if value == default_of(fields[name]) else _placed(hints[name], value, folder)
        for name, value in values.items()
    }


def inputs_of(struct: type[Struct], values: Mapping[str, Any]) -> Iterator[str]:
    """The values that may name a file to read, or a source's folder or glob; they need not exist."""
    hints = get_type_hints(struct, include_extras=True)
    defaults = {field.name: default_of(field) for field in msgspec.structs.fields(struct)}
    for name, value in values.items():
        # A default such as `demo` is a name, whatever lies in the current folder.
        if value != defaults[name]:
            yield from _inputs_in(hints[name], value)


def _inputs_in(hint: Any, value: Any) -> Iterator[str]:
    if _kind(hint) in ("file", "any"):
        if isinstance(value, str) and value:
            yield value
        return
    part, between = part_of(hint)
    if part is not None and value is not None:
        items = value if between == "[]" else value.values() if between else [value]
        for item in items:
            yield from inputs_of(part, item)


def _kind(hint: Any) -> str | None:
    return next((meta.extra[INPUT] for meta in metas_of(hint) if meta.extra and INPUT in meta.extra), None)


def _placed(hint: Any, value: Any, folder: Path) -> Any:
    kind = _kind(hint)
    if kind is not None:
        return str(folder / value) if isinstance(value, str) and value and _is_there(folder / value, kind) else value
    part, between = part_of(hint)
    if part is None or value is None:
        return value
    if between == "[]":
        return [beside(part, item, folder) for item in value]
    if between:
        return {name: beside(part, item, folder) for name, item in value.items()}
    return beside(part, value, folder)


def _is_there(path: Path, kind: str) -> bool:
    try:
        if kind == "file":
            return path.is_file()
        if kind == "folder":
            return path.is_dir()
        return path.exists() or bool(glob.has_magic(path.name) and next(path.parent.glob(path.name), None))
    except (OSError, ValueError):
        # Too long to be a path, or a folder without read permission.
        return False
