"""What other machines must offer, for whoever finds them."""

from collections.abc import Iterator, Mapping

from framewire.pipeline.document.config_error import ConfigError
from framewire.pipeline.document.yaml_text import Document
from framewire.pipeline.graph.keys import MachineKeys, PipelineKeys
from framewire.pipeline.graph.spec import NeedsSpec

BY_ANOTHER_NAME = {"CPU": "cpus", "GPU": "gpus"}
"""What Ray itself calls so is no resource of a node's own."""


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
            elif keys.engine != "ray":
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
    if keys.engine == "ray" and not is_any_away:
        yield ConfigError(
            document.place("engine"),
            "no stage runs on another machine, so Ray has nothing to start: list machines under `machines:`, and name "
            "them with `on: {streams: [...]}` at the source",
        )
