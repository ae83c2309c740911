"""Options of stages: their types, ranges and help, read from the author's struct."""

import types
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct

from framewire.pipeline.nearest import nearest

LARGEST = 2**63 - 1
"""No message takes a larger whole number."""
OUTPUT = "framewire-output"
OutputPath = Annotated[str, Meta(min_length=1, extra={OUTPUT: True})]
"""The type of an option that names a file to write: relative to the output folder, one sink per path."""
STDOUT = "-"
"""The path of a file to write that is standard output, for sinks that can."""
INPUT = "framewire-input"
InputFile = Annotated[str, Meta(extra={INPUT: "file"})]
"""The type of an option that may name a file to read: beside the YAML file, or else in the current folder.

It goes along to another machine if it lies where the run is started, unless its stage is a source."""
PrivateFile = Annotated[str, Meta(extra={INPUT: "private"})]
"""Likewise for a file that must not be copied, such as one with a private key: it is read where its stage runs."""
InputFolder = Annotated[str, Meta(extra={INPUT: "folder"})]
"""Likewise for a folder."""
InputPath = Annotated[str, Meta(extra={INPUT: "any"})]
"""Likewise for a file, a folder, or a glob of files."""

SECRET = "framewire-secret"
Secret = Annotated[str, Meta(extra={SECRET: True})]
"""The type of an option that nobody may see: no message shows its value."""

_Label = Annotated[str, Meta(min_length=1)]
Labels = _Label | Annotated[list[_Label], Meta(min_length=1)]
"""The type of an option that names labels of detections: one, or a list."""


def labels_of(named: Labels) -> tuple[str, ...]:
    """The labels that an option names, each once."""
    return (named,) if isinstance(named, str) else tuple(dict.fromkeys(named))


class Option(Struct, frozen=True):
    """One option of a stage as `framewire stages` shows it."""

    name: str
    type: str
    default: str
    help: str
    required: bool
    is_output: bool
    is_input: bool


Path = tuple[str | int, ...]
"""Keys and indices that lead from the options down to a value."""


class OptionError(ValueError):
    """An invalid option value; `path` leads to it, or, with `at_key`, to a key that is itself invalid."""

    def __init__(self, path: Path, text: str, at_key: bool = False) -> None:
        super().__init__(text)
        self.path = path
        self.at_key = at_key


def options_of(struct: type[Struct], prefix: str = "") -> list[Option]:
    """All options of a stage's struct, in order of declaration; those of a nested struct follow it, as `part.NAME`."""
    hints = get_type_hints(struct, include_extras=True)
    found = []
    for field in msgspec.structs.fields(struct):
        hint = hints[field.name]
        metas = metas_of(hint)
        found.append(
            Option(
                name=prefix + field.name,
                type=type_words(hint),
                default="" if field.required else yaml_words(default_of(field)),
                help=next((meta.description for meta in metas if meta.description), ""),
                required=field.required,
                is_output=any((meta.extra or {}).get(OUTPUT) for meta in metas),
                is_input=any(INPUT in (meta.extra or {}) for meta in metas),
            )
        )
        part, between = part_of(hint)
        if part is not None:
            found += options_of(part, f"{prefix}{field.name}{between}.")
    return found


def part_of(hint: Any) -> tuple[type[Struct] | None, str]:
    """The struct inside an option, and how YAML reaches it: `[]` in a list, `.NAME` in a mapping of names."""
    bare = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    if isinstance(bare, type) and issubclass(bare, Struct):
        return bare, ""
    if get_origin(bare) is list:
        return part_of(get_args(bare)[0])[0], "[]"
    if get_origin(bare) is dict:
        return part_of(get_args(bare)[1])[0], ".NAME"
    return None, ""


def default_of(field: msgspec.structs.FieldInfo) -> Any:
    """An option's default; None for one that must be given."""
    if field.default is not msgspec.NODEFAULT:
        return field.default
    return field.default_factory() if callable(field.default_factory) else None


def metas_of(hint: Any) -> list[Meta]:
    """The `Annotated` metadata of a type, outermost first."""
    if get_origin(hint) is Annotated:
        inner, *metas = get_args(hint)
        return [meta for meta in metas if isinstance(meta, Meta)] + metas_of(inner)
    return []


def type_words(hint: Any) -> str:
    """A type as users read it: `whole number, 1 or more`, `text`, `one of haar, dnn`."""
    if get_origin(hint) is Annotated:
        inner = get_args(hint)[0]
        limits = "".join(_limit_words(meta) for meta in metas_of(hint))
        return type_words(inner) + limits
    if get_origin(hint) is Literal:
        return "one of " + ", ".join(str(choice) for choice in get_args(hint))
    if get_origin(hint) in (Union, types.UnionType):
        return " or ".join(type_words(part) for part in get_args(hint))
    if get_origin(hint) in (list, tuple):
        inner = [part for part in get_args(hint) if part is not ...]
        return "list of " + " and ".join(dict.fromkeys(type_words(part) for part in inner))
    if get_origin(hint) is dict:
        return "mapping"
    if isinstance(hint, type) and issubclass(hint, Struct):
        return "mapping"
    words = {int: "whole number", float: "number", str: "text", bool: "true or false", type(None): "null"}
    return words.get(hint, getattr(hint, "__name__", str(hint)))


def _limit_words(meta: Meta) -> str:
    words = []
    for value, text in (
        (meta.ge, "{} or more"),
        (meta.gt, "more than {}"),
        (meta.le, "at most {}"),
        (meta.lt, "less than {}"),
    ):
        if value is not None:
            words.append(text.format(value))
    return "".join(f", {word}" for word in words)


def yaml_words(value: Any) -> str:
    """A default as written in YAML."""
    if isinstance(value, Struct):
        value = msgspec.to_builtins(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {yaml_words(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(yaml_words(item) for item in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    return str(value) if value != "" else '""'


def check_values(struct: type[Struct], values: Mapping[str, Any]) -> Struct:
    """The options as the author's struct. Raises OptionError for the first invalid value."""
    _check_struct(struct, values, (), "")
    try:
        return msgspec.convert(dict(values), struct)
    except (msgspec.ValidationError, OverflowError) as error:
        raise OptionError((), str(error)) from error


def _check_struct(struct: type[Struct], values: Mapping[str, Any], path: Path, name: str) -> None:
    fields = {field.name: field for field in msgspec.structs.fields(struct)}
    hints = get_type_hints(struct, include_extras=True)
    for key in values:
        if key not in fields:
            near = nearest(key, list(fields)) or f"; it has {', '.join(fields)}"
            raise OptionError((*path, key), f"{name or 'this'} has no option {key!r}{near}", at_key=True)
    for field in fields.values():
        if field.name in values:
            _check(hints[field.name], values[field.name], (*path, field.name), field.name)
        elif field.required:
            raise OptionError(path, f"the option {field.name!r} is missing ({type_words(hints[field.name])})", True)


def _check(hint: Any, value: Any, path: Path, name: str) -> None:
    """Descend to the smallest invalid part, so that an error names its place."""
    bare = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    if get_origin(bare) in (Union, types.UnionType):
        # In `BatchSpec | None` a mapping can only be the struct.
        structs = [part for part in get_args(bare) if isinstance(part, type) and issubclass(part, Struct)]
        bare = structs[0] if len(structs) == 1 else bare
    if isinstance(value, dict) and isinstance(bare, type) and issubclass(bare, Struct):
        _check_struct(bare, value, path, name)
    elif isinstance(value, dict) and get_origin(bare) is dict:
        for key, item in value.items():
            _check(get_args(bare)[1], item, (*path, key), str(key))
    elif isinstance(value, list) and get_origin(bare) is list:
        for index, item in enumerate(value):
            _check(get_args(bare)[0], item, (*path, index), name)
    if isinstance(value, int) and abs(value) > LARGEST:
        raise OptionError(path, f"{name}: {value} is too large")
    try:
        msgspec.convert(value, hint)
    except msgspec.ValidationError as error:
        raise OptionError(path, _say(name, hint, value)) from error


def _say(name: str, hint: Any, value: Any) -> str:
    if any((meta.extra or {}).get(SECRET) for meta in metas_of(hint)):
        # Worded so that nobody appends what is written there.
        return f"{name}: the value must be text; put it in quotes"
    shown = repr(value) if len(repr(value)) <= 40 else repr(value)[:37] + "..."
    described = next((meta.description for meta in metas_of(hint) if meta.pattern and meta.description), None)
    if described and isinstance(value, str):
        return f"{name}: {shown} is invalid; write {described}"
    kind = type_words(hint)
    article = "" if kind.startswith(("one of", "list", "true", "text")) else "a "
    return f"{name}: {shown} is not {article}{kind}"
