"""Options of stages: their types, ranges and help, read from the struct that the author wrote."""

import re
import types
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct

OUTPUT = "framewire-output"
OutputPath = Annotated[str, Meta(min_length=1, extra={OUTPUT: True})]
"""The type of an option that names a file to write: relative to the output folder, one sink per path."""


class Option(Struct, frozen=True):
    """One option of a stage as `framewire stages` shows it."""

    name: str
    type: str
    default: str
    help: str
    required: bool
    is_output: bool


class OptionError(ValueError):
    """A value that an option does not take; `path` leads to it from the options down."""

    def __init__(self, path: tuple[str | int, ...], text: str) -> None:
        super().__init__(text)
        self.path = path


def options_of(struct: type[Struct]) -> list[Option]:
    """All options of a stage's struct, in the order in which they stand."""
    hints = get_type_hints(struct, include_extras=True)
    found = []
    for field in msgspec.structs.fields(struct):
        hint = hints[field.name]
        metas = _metas(hint)
        found.append(
            Option(
                name=field.name,
                type=type_words(hint),
                default="" if field.required else yaml_words(_default(field)),
                help=next((meta.description for meta in metas if meta.description), ""),
                required=field.required,
                is_output=any((meta.extra or {}).get(OUTPUT) for meta in metas),
            )
        )
    return found


def _default(field: msgspec.structs.FieldInfo) -> Any:
    if field.default is not msgspec.NODEFAULT:
        return field.default
    return field.default_factory() if callable(field.default_factory) else None


def _metas(hint: Any) -> list[Meta]:
    if get_origin(hint) is Annotated:
        inner, *metas = get_args(hint)
        return [meta for meta in metas if isinstance(meta, Meta)] + _metas(inner)
    return []


def type_words(hint: Any) -> str:
    """A type as a user reads it: `whole number, 1 or more`, `text`, `one of haar, dnn`."""
    if get_origin(hint) is Annotated:
        inner = get_args(hint)[0]
        limits = "".join(_limit_words(meta) for meta in _metas(hint))
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
    """A default as it would stand in YAML."""
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
    """The options as the author's struct. Raises OptionError for the first value that does not fit."""
    hints = get_type_hints(struct, include_extras=True)
    for field in msgspec.structs.fields(struct):
        if field.name not in values:
            if field.required:
                raise OptionError((), f"the option {field.name!r} is missing ({type_words(hints[field.name])})")
            continue
        try:
            msgspec.convert(values[field.name], hints[field.name])
        except msgspec.ValidationError as error:
            text, path = _split(str(error))
            raise OptionError(
                (field.name, *path), _say(text, field.name, hints[field.name], values[field.name])
            ) from error
    try:
        return msgspec.convert(dict(values), struct)
    except msgspec.ValidationError as error:
        raise OptionError((), _split(str(error))[0]) from error


def _split(message: str) -> tuple[str, tuple[str | int, ...]]:
    """The text and the path of a msgspec message such as ``Expected `int`, got `str` - at `$.a[0]` ``."""
    text, _, at = message.partition(" - at `")
    keys = re.findall(r"\[(\d+)\]|\.([A-Za-z_]\w*)", at)
    return text, tuple(int(index) if index else name for index, name in keys)


def _say(text: str, name: str, hint: Any, value: Any) -> str:
    shown = repr(value) if len(repr(value)) <= 40 else repr(value)[:37] + "..."
    kind = type_words(hint)
    said = (
        f"{name}: {shown} is not a {kind}"
        if not kind.startswith(("one of", "list", "true"))
        else f"{name}: {shown} is not {kind}"
    )
    unknown = re.search(r"contains unknown field `(\w+)`", text)
    return f"{name}: {unknown.group(1)!r} is not known here" if unknown else said
