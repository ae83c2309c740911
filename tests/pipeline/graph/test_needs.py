"""What machines must offer: read, checked, and refused where nobody would look at it."""

from pathlib import Path

import pytest

from framewire.pipeline.document.config_error import ConfigError
from framewire.pipeline.graph import PipelineSpec, load_pipeline
from framewire.pipeline.graph.spec import NeedsSpec

STAGES = """
stages:
  capture: {sources: {a: {source: demo}, b: {source: demo}}, on: {streams: [gpu]}}
  lines: {use: jsonl_writer, input: capture, path: "{stream}.jsonl"}
"""
PLAIN = """
stages:
  capture: {source: demo}
  faces: {use: face_detect, input: capture}
  drawn: {use: annotate, input: faces}
  lines: {use: jsonl_writer, input: drawn, path: lines.jsonl}
"""


def loaded(text: str, tmp_path: Path, engine: str | None = None) -> PipelineSpec:
    return load_pipeline(tmp_path / "needs.yaml", text=text, engine=engine, out=tmp_path)


def test_every_machine_of_a_kind_needs_what_is_said_of_it(tmp_path: Path) -> None:
    spec = loaded(
        "engine: ray\nmachines: {gpu: {count: 2, gpus: 0.5, cpus: 4, resources: {camera: 1}}}" + STAGES, tmp_path
    )
    needs = NeedsSpec(kind="gpu", cpus=4, gpus=0.5, resources={"camera": 1})
    assert spec.needs == {"gpu-0": needs, "gpu-1": needs}


def test_a_machine_of_which_nothing_is_said_needs_one_cpu(tmp_path: Path) -> None:
    spec = loaded("engine: ray\nmachines: {gpu: {}}" + STAGES, tmp_path)
    assert spec.needs == {"gpu": NeedsSpec(kind="gpu", cpus=1.0)}


def test_the_option_replaces_the_engine_of_the_file(tmp_path: Path) -> None:
    text = "engine: agents\nmachines: {gpu: {}}" + STAGES
    assert loaded(text, tmp_path).engine == "agents"
    assert loaded(text, tmp_path, engine="ray").engine == "ray"


def test_without_machines_ray_gets_all_but_sources_and_sinks(tmp_path: Path) -> None:
    spec = loaded("engine: ray" + PLAIN, tmp_path)
    assert {stage.name: stage.machine for stage in spec.stages} == {
        "capture": "",
        "faces": "ray",
        "drawn": "ray",
        "lines": "",
    }
    assert spec.needs == {"ray": NeedsSpec(kind="ray")}
    assert not any(stage.machine for stage in loaded(PLAIN, tmp_path).stages)


@pytest.mark.parametrize(
    ("faces", "drawn", "gpus"),
    [
        ("gpus: 0.5", "replicas: 1", 0.5),
        ("gpus: 0.5, replicas: 4", "replicas: 1", 2),
        ("gpus: 0.5, replicas: 3", "gpus: 1", 3),
        ("gpus: 0.25, process: p", "gpus: 0.25, process: p", 0.5),
    ],
)
def test_the_machine_of_a_file_without_any_has_the_gpus_that_its_stages_need(
    faces: str, drawn: str, gpus: float, tmp_path: Path
) -> None:
    text = PLAIN.replace("input: capture", f"input: capture, {faces}").replace("input: faces", f"input: faces, {drawn}")
    assert loaded("engine: ray" + text, tmp_path).needs == {"ray": NeedsSpec(kind="ray", gpus=gpus)}


@pytest.mark.parametrize("value", ["1.5", "-1", "1e9", "many", "[1]", ".nan", ".inf", "1, replicas: 2.0"])
def test_a_file_without_machines_whose_gpus_are_wrong_is_refused(value: str, tmp_path: Path) -> None:
    text = PLAIN.replace("input: capture", f"input: capture, gpus: {value}")
    with pytest.raises(ConfigError, match=r"GPU|gpus|replicas: 2.0"):
        loaded("engine: ray" + text, tmp_path)


WRONG = {
    "engine: agents\nmachines: {gpu: {gpus: 1}}" + STAGES: (2, "with engine agents nobody looks for a machine"),
    "engine: ray\nmachines: {gpu: {gpus: 1.5}}" + STAGES: (2, "a part of one GPU, or a whole number"),
    "engine: ray\nmachines: {gpu: {resources: {GPU: 1}}}" + STAGES: (2, "write `gpus` beside `resources`"),
    "engine: ray\nmachines: {gpu: {}, home: {here: true, cpus: 2}}" + STAGES: (2, "need not be found; remove `cpus`"),
    "engine: ray\nmachines: {gpu: {}}" + PLAIN: (1, "no stage runs on another machine"),
    "engine: ray\nmachines: {gpu: {cpus: -1}}" + STAGES: (2, "cpus"),
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_told_with_its_line(text: str, tmp_path: Path) -> None:
    line, words = WRONG[text]
    with pytest.raises(ConfigError) as error:
        loaded(text, tmp_path)
    assert words in str(error.value)
    assert error.value.all[0].place.line == line
