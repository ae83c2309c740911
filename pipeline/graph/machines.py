"""Whole streams dealt out to machines: the chain from a source to its sinks is unfolded, once for each machine."""

import copy
from collections.abc import Mapping
from typing import Any

import msgspec

from framewire.pipeline.document.config_error import ConfigError
from framewire.pipeline.document.yaml_text import Document
from framewire.pipeline.graph.keys import MACHINES_MAX, DealtOut, Name, StageKeys
from framewire.pipeline.graph.spec import HOME
from framewire.pipeline.graph.streams import INPUT, SOURCE, SOURCES
from framewire.pipeline.nearest import nearest
from framewire.pipeline.stage import Stage

ON = "on"
STREAMS = "streams"
FIELD = "{machine}"
"""In a text option of a stage: the name of the machine it runs on."""


def machine_names(document: Document) -> dict[str, str]:
    """The names that `on` may have, each with the key it comes from: `gpu: {count: 2}` is gpu-0 and gpu-1.

    Raises ConfigError.
    """
    given = document.value.get("machines") or {}
    if not isinstance(given, dict):
        raise ConfigError(document.place("machines"), "`machines` must be a mapping from names to what each is")
    found: dict[str, str] = {}
    for name, keys in given.items():
        place = document.key_place("machines", name)
        if wrong := wrong_name(name):
            raise ConfigError(place, wrong)
        if name == HOME and not (isinstance(keys, dict) and keys.get("here")):
            raise ConfigError(place, f"{HOME!r} is the machine where the command runs; write `{HOME}: {{here: true}}`")
        count = keys.get("count", 1) if isinstance(keys, dict) else 1
        many = [f"{name}-{number}" for number in range(count)] if _is_many(count) else [name]
        for one in many:
            if one in found:
                raise ConfigError(place, f"there are two machines {one!r}; rename one")
            found[one] = name
    return found


def wrong_name(name: str) -> str:
    """Why no machine can be called so; empty if one can."""
    try:
        msgspec.convert(name, Name)
    except msgspec.ValidationError:
        return f"{name!r} is not a machine's name: use letters, digits, _ and -, a letter first"
    return ""


def _is_many(count: Any) -> bool:
    """Whether it is a number of machines; what is wrong with others is told where keys are checked."""
    return isinstance(count, int) and not isinstance(count, bool) and 1 < count <= MACHINES_MAX


def deal_streams(document: Document, machines: dict[str, str]) -> dict[str, str]:
    """Unfold what has `on: {streams: [...]}`, and all that reads it; fill `{machine}` in. Raises ConfigError.

    `machines` as `machine_names` gives them. Returns the stage that each copy is of.
    The copy of the stage `faces` for the machine `n1` is `faces-n1`; streams keep their names.
    """
    stages: dict[str, Any] = document.value.get("stages") or {}
    dealt = {name: _dealt(document, name, keys, machines) for name, keys in stages.items() if _deals(keys)}
    copies: dict[str, str] = {}
    if dealt:
        instances = _instances(document, stages, dealt)
        document.value["stages"] = _unfolded(document, stages, instances, dealt, copies)
    for keys in document.value.get("stages", {}).values():
        machine = keys.get(ON)
        if isinstance(machine, str) and machine in machines:
            for option, value in keys.items():
                keys[option] = _filled(value, machine)
    return copies


def _deals(keys: dict[str, Any]) -> bool:
    on = keys.get(ON)
    return isinstance(on, dict) and STREAMS in on


def _dealt(document: Document, name: str, keys: dict[str, Any], known: dict[str, str]) -> list[str]:
    """The machines that get the streams of this stage, by their full names."""
    place = document.place("stages", name, ON)
    named = keys[ON][STREAMS]
    if not isinstance(named, list) or not named or not all(isinstance(one, str) for one in named):
        raise ConfigError(place, "`streams` must be a list of machines, such as [n1, n2]")
    if INPUT in keys:
        raise ConfigError(
            place, f"{name!r} is no source: give `on: {{streams: ...}}` to the stage whose streams are dealt out"
        )
    full = [one for word in named for one in ([word] if word in known else of_key(word, known))]
    for word in named:
        if word not in known and not of_key(word, known):
            raise ConfigError(place, f"{word!r} is not a machine{_cure(word, list(known))}")
    if len(set(full)) < len(full):
        raise ConfigError(place, f"{name!r} names a machine twice; keep one")
    return full


def machines_of(
    document: Document, path: tuple[str, ...], keys: StageKeys, cls: type[Stage[Any]], known: Mapping[str, str]
) -> tuple[str, ...]:
    """Where a stage runs: one machine, or those that share its replicas; empty is here. Raises ConfigError."""
    place = document.place(*path, ON)
    if isinstance(keys.on, DealtOut):
        raise ConfigError(place, "its streams cannot be dealt out; name one machine")
    if keys.on in ("", HOME):
        return ("",)
    named = (keys.on,) if keys.on in known else tuple(of_key(keys.on, known))
    if not named:
        raise ConfigError(place, f"{keys.on!r} is not a machine{_cure(keys.on, list(known))}")
    may_share = cls.kind() == "stage" and not cls.ordered
    if len(named) > 1 and (not may_share or keys.replicas < len(named)):
        cure = f"set `replicas` to {len(named)} or more" if may_share else "name one"
        raise ConfigError(place, f"{keys.on!r} is {len(named)} machines ({', '.join(named)}); {cure}")
    return named


def of_key(word: str, known: Mapping[str, str]) -> list[str]:
    """The machines that a key of `machines:` stands for."""
    return [one for one, key in known.items() if key == word]


def _cure(word: str, known: list[str]) -> str:
    if not known:
        return "; list it under `machines:`"
    return nearest(word, known) or f"; choose from {', '.join(known)}"


def _instances(document: Document, stages: dict[str, Any], dealt: dict[str, list[str]]) -> dict[str, list[str]]:
    """For each stage that reads a dealt stream, directly or not, and for each that is dealt: its machines."""
    found: dict[str, list[str]] = {
        name: machines[: len(keys)] if isinstance(keys := stages[name].get(SOURCES), dict) else machines[:1]
        for name, machines in dealt.items()
    }
    changed = True
    while changed:
        changed = False
        for name, keys in stages.items():
            inputs = inputs_in(keys)
            machines = list(dict.fromkeys(one for read in inputs for one in found.get(read, [])))
            if machines and found.get(name) != machines:
                found[name], changed = machines, True
    for name in found:
        own = stages[name].get(ON)
        if own is not None and name not in dealt:
            raise ConfigError(
                document.place("stages", name, ON),
                f"{name!r} reads streams that are dealt out, and runs where they are; remove `on`",
            )
        left = [read for read in inputs_in(stages[name]) if read in stages and read not in found]
        if left:
            raise ConfigError(
                document.place("stages", name, INPUT),
                f"{name!r} reads {left[0]!r}, too, which is not dealt out: give {left[0]!r} the same "
                f"`on: {{streams: ...}}`, or let another stage read it",
            )
    return found


def inputs_in(keys: dict[str, Any]) -> list[str]:
    """The stages that a stage reads, in a file that is not checked yet."""
    given = keys.get(INPUT, [])
    return [name for name in (given if isinstance(given, list) else [given]) if isinstance(name, str)]


def _unfolded(
    document: Document,
    stages: dict[str, Any],
    instances: dict[str, list[str]],
    dealt: dict[str, list[str]],
    copies: dict[str, str],
) -> dict[str, Any]:
    """The stages, with copies in place of what is dealt out; `copies` is filled with the stage that each is of."""
    unfolded: dict[str, Any] = {}

    def named(name: str, machine: str) -> str:
        """A source of one stream keeps its name: the stream has it."""
        return name if name in dealt and SOURCE in stages[name] else f"{name}-{machine}"

    for name, keys in stages.items():
        if name not in instances:
            unfolded[name] = keys
            continue
        for number, machine in enumerate(instances[name]):
            copied = copy.deepcopy(keys)
            copied.setdefault("use", name)
            copied[ON] = machine
            if name in dealt and isinstance(keys.get(SOURCES), dict):
                share = list(keys[SOURCES].items())[number :: len(instances[name])]
                copied[SOURCES] = dict(copy.deepcopy(share))
            elif INPUT in keys:
                copied[INPUT] = [named(read, machine) for read in inputs_in(keys) if machine in instances.get(read, [])]
            if isinstance(keys.get("process"), str):
                copied["process"] = f"{keys['process']}-{machine}"
            new = named(name, machine)
            if new in unfolded or (new in stages and new not in dealt):
                raise ConfigError(
                    document.key_place("stages", name),
                    f"the copy of {name!r} for the machine {machine!r} has the name of a stage, {new!r}; rename one",
                )
            unfolded[new] = copied
            copies[new] = name
            document.alias(("stages", new), ("stages", name))
    return unfolded


def _filled(value: Any, machine: str) -> Any:
    """The value with `{machine}` filled in, in every text in it."""
    match value:
        case str():
            # A text with variables in quotes stays one: see Quoted.
            return type(value)(value.replace(FIELD, machine)) if FIELD in value else value
        case list():
            return [_filled(one, machine) for one in value]
        case dict():
            return {name: _filled(one, machine) for name, one in value.items()}
        case _:
            return value
