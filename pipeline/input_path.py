"""Options that name an input: what lies beside the YAML file is read from there, whatever the current folder."""

import glob
import re
from collections.abc import Callable, Container, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, get_type_hints

import msgspec
from msgspec import Struct

from framewire.pipeline.option import INPUT, default_of, metas_of, part_of

FILE, FOLDER, PRIVATE = "file", "folder", "private"
"""Kinds of inputs, as their types in `option` say; of any other a glob will do."""
NUMBERED = re.compile(r"%(0?)(\d*)d")
"""As in FFmpeg's and OpenCV's names of sequences: `frame_%04d.png`."""


def beside(struct: type[Struct], values: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The values of a stage's options, with each input found in `folder` as an absolute path.

    Defaults, and paths that are not there, stay as they are.
    """
    return _changed(
        struct, values, lambda kind, value: str(folder / value) if _is_there(folder / value, kind) else value
    )


def lying_here(
    struct: type[Struct], values: Mapping[str, Any], from_file: Container[str], folder: Path
) -> dict[str, str]:
    """Where the files and folders are that the values name, in `folder` or the current one, by what names them.

    Only options that are `from_file` are looked for in `folder`. Private files are left out, and a word without a
    suffix in the current folder: a stage may know it for a name. Places are absolute.
    """
    places: dict[str, str] = {}
    for name, value in values.items():
        folders = [folder] if name in from_file else []
        _changed(struct, {name: value}, partial(_note_place, places, folders))
    return places


def _note_place(places: dict[str, str], folders: Sequence[Path], kind: str, value: str) -> str:
    is_word = kind == FILE and value == Path(value).stem
    for folder in folders if is_word else (*folders, Path()):
        if kind in (FILE, FOLDER) and value not in places and _is_there(folder / value, kind):
            places[value] = str((folder / value).absolute())
    return value


def placed(struct: type[Struct], values: Mapping[str, Any], places: Mapping[str, str]) -> dict[str, Any]:
    """The values with each file and folder at its place, where `places` has one."""
    return _changed(struct, values, lambda kind, value: places.get(value, value) if kind in (FILE, FOLDER) else value)


def inputs_of(struct: type[Struct], values: Mapping[str, Any]) -> list[str]:
    """The values that may name a file to read, or a source's folder or glob; they need not exist."""
    found: list[str] = []

    def note(kind: str, value: str) -> str:
        if kind != FOLDER:
            found.append(value)
        return value

    _changed(struct, values, note)
    return found


Change = Callable[[str, str], str]
"""From an input's kind and value to its new value."""


def _changed(struct: type[Struct], values: Mapping[str, Any], change: Change) -> dict[str, Any]:
    """The values with every input changed. A default such as `demo` is a name, whatever lies in any folder."""
    hints = get_type_hints(struct, include_extras=True)
    fields = {field.name: field for field in msgspec.structs.fields(struct)}
    return {
        name: value if value == default_of(fields[name]) else _changed_value(hints[name], value, change)
        for name, value in values.items()
    }


def _changed_value(hint: Any, value: Any, change: Change) -> Any:
    kind = next((meta.extra[INPUT] for meta in metas_of(hint) if meta.extra and INPUT in meta.extra), None)
    if kind is not None:
        return change(kind, value) if isinstance(value, str) and value else value
    part, between = part_of(hint)
    if part is None or value is None:
        return value
    if between == "[]":
        return [_changed(part, item, change) for item in value]
    if between:
        return {name: _changed(part, item, change) for name, item in value.items()}
    return _changed(part, value, change)


def as_glob(name: str) -> str:
    """Numbered names, as in `frame_%04d.png`, as a glob that finds them; any other name as it is."""
    return NUMBERED.sub("*", name)


def _is_there(path: Path, kind: str) -> bool:
    try:
        if kind in (FILE, PRIVATE):
            return path.is_file()
        if kind == FOLDER:
            return path.is_dir()
        pattern = as_glob(path.name)
        return path.exists() or bool(glob.has_magic(pattern) and next(path.parent.glob(pattern), None))
    except (OSError, ValueError):
        # Too long to be a path, or a folder without read permission.
        return False
