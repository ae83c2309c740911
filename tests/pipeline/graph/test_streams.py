"""`sources` expands to a stage per stream."""

from pathlib import Path

import pytest

from framewire.pipeline.graph import ConfigError, load_pipeline
from tests.system.running import ROOT

STREAMS = ROOT / "tests" / "configs" / "valid" / "streams.yaml"


def test_each_stream_is_a_source_with_what_all_share_and_what_is_its_own() -> None:
    stages = {stage.name: stage for stage in load_pipeline(STREAMS).stages}
    assert list(stages) == ["door", "hall", "yard", "faces", "list"]
    assert {name: stages[name].options["limit"] for name in ("door", "hall", "yard")} == {
        "door": 10,
        "hall": 5,
        "yard": 0,
    }
    assert stages["faces"].inputs == ("door", "hall", "yard")
    assert all(stages[name].use == "capture" for name in ("door", "hall", "yard"))


def test_what_is_set_for_the_stage_is_set_for_all_its_streams(tmp_path: Path) -> None:
    stages = {stage.name: stage for stage in load_pipeline(STREAMS, ["cameras.realtime=true"]).stages}
    assert [stages[name].options["realtime"] for name in ("door", "hall", "yard")] == [True, True, False]


def test_one_stream_may_be_set_alone() -> None:
    changes = ["door.limit=3", "hall.source=film.mp4"]
    stages = {stage.name: stage for stage in load_pipeline(STREAMS, changes).stages}
    assert (stages["door"].options["limit"], stages["door"].options["source"]) == (3, "demo")
    assert (stages["hall"].options["limit"], stages["hall"].options["source"]) == (5, "film.mp4")
    with pytest.raises(ConfigError, match="there is no stage 'attic'"):
        load_pipeline(STREAMS, ["attic.limit=3"])
