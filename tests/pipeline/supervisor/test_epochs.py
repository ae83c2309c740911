from pathlib import Path

from framewire.pipeline.graph import Plan, load_pipeline, make_plan
from framewire.pipeline.supervisor.epochs import Epochs

APART = """
stages:
  left: {use: capture}
  right: {use: capture}
  faces: {use: face_detect, input: left}
  both: {use: annotate, input: [faces, right], replicas: 2}
  list: {use: jsonl_writer, input: both}
  alone: {use: capture}
  other: {use: jsonl_writer, input: alone, path: other.jsonl}
"""
EVERYBODY = {"left#0", "right#0", "faces#0", "both#0", "both#1", "list#0", "alone#0", "other#0"}


def plan_of(text: str, folder: Path) -> Plan:
    path = folder / "p.yaml"
    path.write_text(text)
    return make_plan(load_pipeline(path))


def test_a_source_begins_as_soon_as_all_workers_on_its_way_are_ready(tmp_path: Path) -> None:
    epochs = Epochs(plan_of(APART, tmp_path))
    assert epochs.begin(lambda name: False) == {}
    assert epochs.begin({"alone#0", "other#0", "left#0"}.__contains__) == {"alone": 1}
    assert epochs.begin((EVERYBODY - {"faces#0"}).__contains__) == {"right": 1}
    assert epochs.due
    assert epochs.begin(EVERYBODY.__contains__) == {"left": 1}
    assert not epochs.due


def test_a_death_concerns_every_source_that_passes_through_and_no_other(tmp_path: Path) -> None:
    plan = plan_of(APART, tmp_path)
    epochs = Epochs(plan)
    epochs.begin(EVERYBODY.__contains__)
    epochs.died(plan.process_of("faces"))
    assert epochs.begin(EVERYBODY.__contains__) == {"left": 2}
    epochs.died(plan.process_of("both"))
    assert epochs.begin(EVERYBODY.__contains__) == {"left": 3, "right": 2}
    epochs.died(plan.process_of("alone"))
    assert epochs.begin((EVERYBODY - {"alone#0"}).__contains__) == {}
    assert epochs.begin(EVERYBODY.__contains__) == {"alone": 2}


def test_the_workers_on_the_way(tmp_path: Path) -> None:
    epochs = Epochs(plan_of(APART, tmp_path))
    assert set(epochs.workers_of({"right": 1})) == {"right#0", "both#0", "both#1", "list#0"}
    assert set(epochs.workers_of({"right": 1, "alone": 1})) == EVERYBODY - {"left#0", "faces#0"}


def test_a_process_that_is_shared_is_of_all_that_run_in_it(tmp_path: Path) -> None:
    shared = APART.replace("faces: {", "faces: {process: p, ").replace("other: {", "other: {process: p, ")
    plan = plan_of(shared, tmp_path)
    epochs = Epochs(plan)
    epochs.begin(lambda name: True)
    epochs.died(plan.process_of("other"))
    assert epochs.begin(lambda name: True) == {"left": 2, "alone": 2}
