"""Replicas on several machines must choose the same."""

import pytest

from framewire.pipeline.graph import PipelineSpec, StageSpec
from framewire.pipeline.ledger.choices import other_choices

KNOWN = {"faces": {"method": "dnn", "device": "cuda"}}


def spec_of(*stages: StageSpec) -> PipelineSpec:
    return PipelineSpec(name="p", stages=stages)


@pytest.mark.parametrize(
    ("chosen", "shared_by", "told"),
    [
        ({"method": "haar"}, ("n-0", "n-1"), [("method", "haar", "dnn", True)]),
        ({"method": "dnn"}, ("n-0", "n-1"), []),
        # What nobody else has chosen, what runs elsewhere, and a stage on one machine.
        ({"model": "x"}, ("n-0", "n-1"), []),
        ({"device": "cpu"}, ("n-0", "n-1"), []),
        ({"method": "haar"}, (), []),
    ],
)
def test_replicas(chosen: dict[str, str], shared_by: tuple[str, ...], told: list[tuple[str, str, str, bool]]) -> None:
    spec = spec_of(StageSpec(name="faces", use="face_detect", shared_by=shared_by))
    others = other_choices(spec, KNOWN, {"faces": chosen})
    assert [(one.what, one.chosen, one.theirs, one.is_replica) for one in others] == told


def test_a_stage_that_is_dealt_out() -> None:
    dealt = [
        StageSpec(name=f"faces-n-{number}", use="face_detect", machine=f"n-{number}", unfolded_from="faces")
        for number in range(3)
    ]
    assert {stage.given for stage in dealt} == {"faces"}
    spec = spec_of(*dealt, StageSpec(name="eyes", use="eye_detect"))
    known = {"faces-n-0": {"method": "dnn"}, "faces-n-1": {"method": "dnn"}, "eyes": {"method": "landmarks"}}
    (one,) = other_choices(spec, known, {"faces-n-2": {"method": "haar"}})
    assert (one.stage, one.other, one.is_replica) == ("faces-n-2", "faces-n-0", False)
