"""What stages choose for themselves (`method: auto`) must come to the same on all machines where one of them runs."""

from collections.abc import Iterator, Mapping

from msgspec import Struct

from framewire.pipeline.graph.spec import PipelineSpec, StageSpec

HARDWARE = "device"
"""Begins the names of choices that change answers by rounding at most."""

Choices = Mapping[str, Mapping[str, str]]
"""By stage, and by what was to be chosen."""


class OtherChoice(Struct, frozen=True):
    """A stage has `chosen` what another, or a replica of its own if that has the same name, has chosen otherwise."""

    stage: str
    other: str
    what: str
    chosen: str
    theirs: str

    @property
    def is_replica(self) -> bool:
        """Whether frames of one stream would get either answer."""
        return self.stage == self.other


def other_choices(spec: PipelineSpec, known: Choices, chosen: Choices) -> Iterator[OtherChoice]:
    """Where `chosen` differs from what is `known` of replicas on other machines, or of the same stage dealt out there.

    Each choice is told of once, however many others differ.

    A stage on one machine may choose anew: it says so itself.
    """
    for stage in spec.stages:
        choices = chosen.get(stage.name)
        # Nearly all stages have nothing to choose, and there may be thousands.
        others = [other.name for other in spec.stages if _are_one(stage, other)] if choices else []
        for what, choice in (choices or {}).items():
            # One is enough to say so: a stage may be dealt out over many machines.
            for other in [] if what.startswith(HARDWARE) else others:
                theirs = known.get(other, {}).get(what, choice)
                if theirs != choice:
                    yield OtherChoice(stage.name, other, what, choice, theirs)
                    break


def _are_one(stage: StageSpec, other: StageSpec) -> bool:
    """Whether both are one stage in the file, on several machines."""
    return stage.given == other.given and (stage.name != other.name or bool(stage.shared_by))
