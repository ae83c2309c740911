"""A pipeline with a guest in it: a sink that is somebody's loop."""

from collections.abc import Sequence

import msgspec

from framewire.pipeline.document.config_error import ConfigError, Place
from framewire.pipeline.graph.plan import above
from framewire.pipeline.graph.spec import PipelineSpec, StageSpec
from framewire.pipeline.nearest import nearest

GUEST = "python"
"""The guest's name, as the page and the summary show it."""
USE = "framewire.pipeline.guest.guest_sink:GuestSink"
FEED = "framewire.pipeline.guest.feed:FeedSource"


def with_guest(spec: PipelineSpec, at: str, keeps_sinks: bool) -> PipelineSpec:
    """The pipeline with a guest that reads stage `at`, or the one that feeds all sinks. Raises ConfigError.

    Unless it `keeps_sinks`, nothing is left but what the guest needs.
    """
    stages = {stage.name: stage for stage in spec.stages}
    at = at or _feeding_all(spec)
    if at not in stages or stages[at].kind == "sink":
        known = [stage.name for stage in spec.stages if stage.kind != "sink"]
        raise ConfigError(Place(f"at={at!r}"), f"there is no such stage{nearest(at, known) or _choose(known)}")
    guest = StageSpec(
        name=_free_name(stages), use=USE, inputs=(at,), kind="sink", ordered=True, stuck_after_s=0.0, is_guest=True
    )
    needed = {at, *above(spec.stages)[at]}
    kept = spec.stages if keeps_sinks else tuple(stage for stage in spec.stages if stage.name in needed)
    return msgspec.structs.replace(spec, stages=(*kept, guest), outputs=spec.outputs if keeps_sinks else ())


def with_feed(spec: PipelineSpec) -> PipelineSpec:
    """The pipeline with the program's own pictures in place of its only source. Raises ConfigError."""
    sources = [stage.name for stage in spec.stages if stage.kind == "source"]
    if len(sources) != 1:
        raise ConfigError(Place("source"), f"the pipeline has {len(sources)} sources; a feed takes the place of one")
    feed = StageSpec(name=sources[0], use=FEED, kind="source", is_guest=True)
    return msgspec.structs.replace(
        spec, stages=tuple(feed if stage.name == feed.name else stage for stage in spec.stages)
    )


def _feeding_all(spec: PipelineSpec) -> str:
    """The stage whose frames all sinks get."""
    feeds = {stage.inputs for stage in spec.stages if stage.kind == "sink"}
    named = sorted({name for inputs in feeds for name in inputs})
    if len(named) == 1:
        return named[0]
    known = [stage.name for stage in spec.stages if stage.kind != "sink"]
    what = f"its sinks read {' and '.join(named)}" if named else "it has no sink"
    raise ConfigError(Place("at"), f"say which stage's frames you want, since {what}{_choose(known)}")


def _choose(known: Sequence[str]) -> str:
    return f"; choose from {', '.join(known)}"


def _free_name(stages: dict[str, StageSpec]) -> str:
    name = GUEST
    while name in stages:
        name += "_"
    return name
