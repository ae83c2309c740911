"""What other machines must offer, for whoever finds them."""

from collections.abc import Iterator, Mapping
from typing import Any

from framewire.pipeline.document.config_error import ConfigError
from framewire.pipeline.document.yaml_text import Document
from framewire.pipeline.graph.keys import MachineKeys, PipelineKeys
from framewire.pipeline.graph.machines import ON, inputs_in
from framewire.pipeline.graph.spec import NeedsSpec

BY_ANOTHER_NAME = {"CPU": "cpus", "GPU": "gpus"}
"""What Ray itself calls so is no resource of a node's own."""
RAY = "ray"
"""The engine, and the machine of a file that names none."""


def place_all(document: Document) -> None:
    """With engine ray and no machine named, all stages but sources and sinks run on one, wherever Ray has a place."""
    stages: dict[str, Any] = document.value.get("stages") or {}
    is_placed = document.value.get("machines") or any(ON in keys for keys in stages.values())
    if document.value.get("engine") != RAY or is_placed:
        return
    read = {name for one in stages.values() for name in inputs_in(one)}
    between = [name for name, one in stages.items() if name in read and inputs_in(one)]
    if between:
        document.value["machines"] = {RAY: {}}
    for name in between:
        stages[name][ON] = RAY


def needs_of(kind: str, machines: Mapping[str, MachineKeys]) -> NeedsSpec:
    """What a machine of this kind, a key of `machines:`, must offer."""
    keys = machines[kind]
    cpus = NeedsSpec(kind=kind).cpus if keys.cpus is None else keys.cpus
    return NeedsSpec(kind=kind, cpus=cpus, gpus=keys.gpus, resources=keys.resources)


def wrong_needs(document: Document, keys: PipelineKeys, is_any_away: bool) -> Iterator[ConfigError]:
    """Needs that nobody looks at, or that no machine can have; a search for machines on which nothing would run."""
    for name, machine in keys.machines.items():
        given = [key for key in ("cpus", "gpus", "resources") if getattr(machine, key) not in (None, 0.0, {})]
        for key in given:
            place = document.key_place("machines", name, key)
            if machine.here:
                yield ConfigError(place, f"{name!r} is where the command runs, and need not be found; remove `{key}`")
            elif keys.engine != RAY:
                yield ConfigError(
                    place,
                    f"with engine {keys.engine} nobody looks for a machine that has `{key}`: remove it, or set "
                    "`engine: ray`",
                )
        if machine.gpus > 1 and machine.gpus % 1:
            yield ConfigError(
                document.place("machines", name, "gpus"), "must be a part of one GPU, or a whole number of them"
            )
        for other in sorted(BY_ANOTHER_NAME.keys() & machine.resources.keys()):
            yield ConfigError(
                document.place("machines", name, "resources"),
                f"{other!r} is no resource of a node's own; write `{BY_ANOTHER_NAME[other]}` beside `resources`",
            )
    if keys.engine == RAY and not is_any_away:
        yield ConfigError(
            document.place("engine"),
            "no stage runs on another machine, so Ray has nothing to start: say `on: NAME` at stages, or "
            "`on: {streams: [...]}` at the source, with the machines that are listed under `machines:`",
        )
