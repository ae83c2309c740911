"""What machines must offer, for whoever finds them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from framewire.pipeline.document.config_error import ConfigError
from framewire.pipeline.document.yaml_text import Document
from framewire.pipeline.gpus import gpus_for, together
from framewire.pipeline.graph.keys import GPUS_MAX, MACHINES_MAX, MachineKeys, PipelineKeys
from framewire.pipeline.graph.machines import ON, inputs_in
from framewire.pipeline.graph.plan import Plan
from framewire.pipeline.graph.spec import HOME, NeedsSpec, PipelineSpec

BY_ANOTHER_NAME = {"CPU": "cpus", "GPU": "gpus"}
"""What Ray itself calls so is no resource of a node's own."""
GPUS = "gpus"
NOT_WHOLE = "must be a part of one GPU, or a whole number of them"
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
        asked = _gpus_asked({name: stages[name] for name in between})
        document.value["machines"] = {RAY: {GPUS: asked} if asked else {}}
    for name in between:
        stages[name][ON] = RAY


def _gpus_asked(stages: Mapping[str, dict[str, Any]]) -> float:
    """By all replicas of these stages, of a file that is not checked yet: what is wrong is told later."""
    shares: dict[str, list[float]] = {}
    for name, keys in stages.items():
        gpus, replicas = keys.get(GPUS, 0), keys.get("replicas", 1)
        is_number = isinstance(gpus, int | float) and isinstance(replicas, int)
        if is_number and 0 < gpus <= GPUS_MAX and replicas <= MACHINES_MAX:
            for replica in range(replicas):
                shares.setdefault(f"{keys.get('process') or name}#{replica}", []).append(gpus)
    return gpus_for({worker: together(own) for worker, own in shares.items()})


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
        if not _is_share(machine.gpus):
            yield ConfigError(document.place("machines", name, GPUS), NOT_WHOLE)
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


def _is_share(gpus: float) -> bool:
    return gpus <= 1 or not gpus % 1


def wrong_gpus(document: Document, spec: PipelineSpec, plan: Plan) -> Iterator[ConfigError]:
    """Shares of GPUs that nobody can have, or that the machine has not for which Ray was told to look."""
    for stage in spec.stages:
        gpus = plan.process_of(stage.name).gpus
        if not _is_share(stage.gpus):
            yield ConfigError(document.place("stages", stage.name, GPUS), NOT_WHOLE)
            return
        if stage.gpus and not _is_share(gpus):
            what = f"the stages of the process {stage.process!r} need {gpus:g} GPUs in all, which {NOT_WHOLE}"
            yield ConfigError(document.place("stages", stage.name, GPUS), what)
            return
    for machine, needs in spec.needs.items() if spec.engine == RAY else ():
        asked = gpus_for(plan.gpus_on(machine))
        if asked > needs.gpus:
            first = next(one for one in spec.stages if one.gpus and machine in plan.process_of(one.name).machines)
            yield ConfigError(
                document.place("stages", first.name, GPUS),
                f"{machine!r} needs {gpus_in_words(plan, machine)}, and has {needs.gpus:g}; set `gpus: {asked:g}` at "
                f"the machine {needs.kind!r}, or lower `gpus` or `replicas`",
            )
            return


def gpus_in_words(plan: Plan, machine: str) -> str:
    """What the workers there need, in all and each: `2 GPUs (faces 4 x 0.5)`; empty if they need none."""
    shares = plan.gpus_on(machine)
    counts = {process: sum(worker in shares for worker in process.workers) for process in plan.processes}
    parts = [f"{process.name} {count} x {process.gpus:g}" for process, count in counts.items() if count]
    needed = gpus_for(shares)
    return f"{needed:g} GPU{'s' if needed > 1 else ''} ({', '.join(parts)})" if parts else ""


def gpus_missing(plan: Plan, machine: str, there: Sequence[str]) -> str:
    """That the GPUs on a machine are too few, and what to do."""
    few = f"{len(there)} GPU{'s' if len(there) > 1 else ''} ({', '.join(there)})"
    none = "no GPU that CUDA_VISIBLE_DEVICES or NVIDIA's library (extra `gpu`) names"
    return (
        f"{machine or HOME} needs {gpus_in_words(plan, machine)}, and has {few if there else none}; lower `gpus` or "
        "`replicas`, or let some stages run on another machine"
    )
