"""Streams dealt out to machines, and replicas shared by them."""

from pathlib import Path

import pytest

from framewire.pipeline.graph import PipelineSpec, load_pipeline, make_plan
from framewire.pipeline.ledger.identity import identity_of

CASES = Path(__file__).resolve().parents[2] / "configs" / "valid"


@pytest.fixture
def dealt() -> PipelineSpec:
    return load_pipeline(CASES / "dealt-out.yaml")


def test_each_machine_has_its_share_and_all_that_reads_it(dealt: PipelineSpec) -> None:
    places = {stage.name: stage.machine for stage in dealt.stages}
    assert places == {
        "a": "n-0",
        "c": "n-0",
        "b": "n-1",
        "d": "n-1",
        **{f"{name}-{machine}": machine for name in ("faces", "tracks", "lines") for machine in ("n-0", "n-1")},
        "office": "",
        "people": "spare",
        "list": "",
    }
    inputs = {stage.name: stage.inputs for stage in dealt.stages}
    assert inputs["faces-n-0"] == ("a", "c")
    assert inputs["faces-n-1"] == ("b", "d")
    assert inputs["tracks-n-1"] == ("faces-n-1",)
    assert dealt.stage("lines-n-1").options["path"] == "n-1/{stream}.jsonl"
    assert dealt.outputs_on == {"n-0": ("n-0/{stream}.jsonl",), "n-1": ("n-1/{stream}.jsonl",), "spare": ()}


def test_results_know_the_stage_of_the_file(dealt: PipelineSpec) -> None:
    assert dealt.stage("faces-n-1").given == "faces"
    assert dealt.stage("people").given == "people"


def test_only_what_crosses_has_a_link_with_one_end_that_listens(dealt: PipelineSpec) -> None:
    plan = make_plan(dealt)
    porters = {process.name: process for process in plan.processes if process.towards is not None}
    assert set(porters) == {"home>spare", "spare>home"}
    assert [name for name, process in porters.items() if process.listens] == ["home>spare"]
    assert plan.sources_through(porters["spare>home"]) == {"office"}
    assert (plan.workers_on("n-0"), plan.workers_on("n-1"), plan.workers_on("spare"), plan.workers_on("")) == (
        4,
        4,
        1,
        2,
    )


def test_an_option_of_the_command_line_reaches_every_copy() -> None:
    spec = load_pipeline(CASES / "dealt-out.yaml", ["faces.width=320", "b.limit=7"])
    assert [spec.stage(f"faces-{machine}").options["width"] for machine in ("n-0", "n-1")] == [320, 320]
    assert [spec.stage(name).options["limit"] for name in "abc"] == [0, 7, 0]


def test_replicas_are_spread_over_the_machines() -> None:
    plan = make_plan(load_pipeline(CASES / "shared-replicas.yaml"))
    faces = plan.process_of("faces")
    assert [faces.machine_of(replica) for replica in range(4)] == ["gpu-0", "gpu-1", "gpu-0", "gpu-1"]
    names = {process.name for process in plan.processes if process.towards is not None}
    assert names == {"home>gpu-0", "gpu-0>home", "home>gpu-1", "gpu-1>home"}


def test_a_run_can_be_resumed_though_its_films_are_elsewhere(dealt: PipelineSpec) -> None:
    identity = identity_of(dealt)
    assert identity.stages["a"].reads.endswith("on n-0")


def test_machines_nobody_uses_are_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "few.yaml"
    path.write_text(
        "engine: agents\nmachines: {n: {count: 4}}\nstages:\n"
        "  capture: {sources: {a: demo, b: demo}, on: {streams: [n]}}\n"
        "  faces: {use: face_detect, input: capture}\n"
        "  lines: {use: jsonl_writer, input: faces, path: a.jsonl}\n"
    )
    assert load_pipeline(path).machines == ("n-0", "n-1")
