"""Whether stages make a graph that can run: each has its inputs, is read, and gets what it needs."""

from collections.abc import Iterator, Mapping
from typing import Any

from framewire.pipeline.document.config_error import ConfigError
from framewire.pipeline.document.yaml_text import Document
from framewire.pipeline.graph.plan import above, sources_reaching, topological
from framewire.pipeline.graph.spec import HOME, StageSpec
from framewire.pipeline.nearest import nearest
from framewire.pipeline.stage import Stage

Specs = tuple[StageSpec, ...]


def wrong_inputs(document: Document, specs: Specs) -> Iterator[ConfigError]:
    """Inputs that are missing, named twice, or no stage; `specs` may lack stages that are wrong themselves."""
    kinds = {spec.name: spec.kind for spec in specs}
    named = list(document.value["stages"])
    for spec in specs:
        place = document.place("stages", spec.name, "input")
        if spec.kind == "source" and spec.inputs:
            yield ConfigError(place, f"{spec.name!r} is a source and has no input; remove `input`")
        is_given = bool(document.value["stages"][spec.name].get("input", ()))
        # One that is given and wrong is told as such.
        if spec.kind != "source" and not spec.inputs and not is_given:
            yield ConfigError(
                document.key_place("stages", spec.name),
                f"{spec.name!r} has no input; add `input: NAME` with the stage it reads",
            )
        if len(set(spec.inputs)) < len(spec.inputs):
            yield ConfigError(place, f"{spec.name!r} names an input twice; keep one")
        for name in spec.inputs:
            if name not in named:
                near = nearest(name, named) or f"; choose from {', '.join(named)}"
                yield ConfigError(place, f"the input {name!r} of {spec.name!r} is not a stage{near}")
            elif kinds.get(name) == "sink":
                yield ConfigError(place, f"{name!r} is a sink and has no output; read what it reads instead")


def cycles(document: Document, specs: Specs) -> Iterator[ConfigError]:
    """Stages that read each other, or a graph without a source. All inputs are stages."""
    try:
        topological(specs)
    except ValueError as error:
        first = str(error).split(" -> ")[0]
        place = document.place("stages", first, "input")
        yield ConfigError(place, f"the stages form a cycle: {error}; remove one input")
    if not any(spec.kind == "source" for spec in specs):
        yield ConfigError(document.key_place("stages"), "the pipeline has no source; add a `capture` stage")


def unread(document: Document, specs: Specs) -> Iterator[ConfigError]:
    """Stages whose answers nobody wants."""
    read = {name for spec in specs for name in spec.inputs}
    for spec in specs:
        if spec.kind != "sink" and spec.name not in read:
            yield ConfigError(
                document.key_place("stages", spec.name),
                f"nothing reads {spec.name!r}; make it an input of some stage, or remove it",
            )


def unmet_needs(document: Document, specs: Specs, classes: Mapping[str, type[Stage[Any]]]) -> Iterator[ConfigError]:
    """Stages that need what no stage before them gives: without it they would do nothing, and say nothing."""
    reaching = above(specs)
    for spec in specs:
        given = {what for name in reaching[spec.name] for what in classes[name].gives}
        for what, giver in classes[spec.name].needs.items():
            if what not in given:
                yield ConfigError(
                    document.place("stages", spec.name, "input"),
                    f"{spec.name!r} needs {what}, and no stage before it gives them; put a stage `{giver}` before it "
                    f"(or, in the class of your own stage that does: gives = frozenset({{{what!r}}}))",
                )


def ways_around(document: Document, specs: Specs) -> Iterator[ConfigError]:
    """Joins at which a picture meets itself, hidden by a stage that the other did not pass. The graph has no cycle.

    Of two pictures one is taken, and what only the other had hidden would be seen.
    """
    hidden: dict[tuple[str, str], frozenset[str]] = {}
    """By source and stage: the hiding stages that its pictures have passed on the way out of the stage."""
    reaching = sources_reaching(specs)
    for spec in topological(specs):
        own = frozenset({spec.name} if spec.hides else ())
        for source in reaching[spec.name]:
            ways = {name: hidden[source, name] for name in spec.inputs if source in reaching[name]}
            every, some = _common(ways), frozenset().union(*ways.values())
            if every != some:
                missed = min(some - every)
                around = next(name for name, passed in ways.items() if missed not in passed)
                yield ConfigError(
                    document.place("stages", spec.name, "input"),
                    f"{spec.name!r} would get pictures past {missed!r}, through {around!r}: what is hidden would be "
                    f"seen; let {spec.name!r} read {missed!r} alone, and move {around!r} before or behind that",
                )
            hidden[source, spec.name] = every | own


def wrong_processes(document: Document, specs: Specs) -> Iterator[ConfigError]:
    """Stages that cannot have replicas, or cannot share a process."""
    first: dict[str, StageSpec] = {}
    for spec in specs:
        if spec.replicas > 1 and (spec.kind == "source" or spec.ordered):
            what = "a source" if spec.kind == "source" else "ordered" if spec.kind == "stage" else "a sink"
            place = document.place("stages", spec.name, "replicas")
            yield ConfigError(place, f"{spec.name!r} is {what} and cannot have replicas; remove `replicas`")
        if not spec.process:
            continue
        place = document.place("stages", spec.name, "process")
        if spec.lag == "skip" and sum(one.process == spec.process for one in specs) > 1:
            yield ConfigError(
                place, f"{spec.name!r} may skip, so nobody must wait for it: give it a process of its own"
            )
        mate = first.setdefault(spec.process, spec)
        if mate.replicas != spec.replicas:
            yield ConfigError(
                place,
                f"{spec.name!r} and {mate.name!r} share the process {spec.process!r} "
                f"but ask for {spec.replicas} and {mate.replicas} replicas; make them the same",
            )


def wrong_machines(document: Document, specs: Specs, engine: str) -> Iterator[ConfigError]:
    """Stages on other machines though nobody runs them there, or in one process on two."""
    away = [spec for spec in specs if spec.machine]
    if away and engine == "local":
        yield ConfigError(
            document.place("stages", away[0].name, "on"),
            f"{away[0].name!r} would run on {away[0].machine!r}, and the engine is local; add `engine: agents`",
        )
    by_name = {spec.name: spec for spec in specs}
    for spec in specs:
        mates = [other for other in specs if spec.process and other.process == spec.process]
        for name in spec.inputs if spec.near == "only" else ():
            producer = by_name[name]
            left = set(producer.shared_by or (producer.machine,)) - set(spec.shared_by or (spec.machine,))
            if left:
                yield ConfigError(
                    document.place("stages", spec.name, "near"),
                    f"{spec.name!r} is to run only where its frames are, and not on {min(left) or HOME!r}, where "
                    f"{name!r} runs; add that machine to `on`, or set `near: first`",
                )
        if any((other.machine, other.shared_by) != (spec.machine, spec.shared_by) for other in mates):
            place = document.place("stages", spec.name, "process")
            yield ConfigError(place, f"the process {spec.process!r} cannot run on two machines; give it one `on`")


def _common(ways: dict[str, frozenset[str]]) -> frozenset[str]:
    return frozenset.intersection(*ways.values()) if ways else frozenset()
