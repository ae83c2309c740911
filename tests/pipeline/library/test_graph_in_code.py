"""A graph made in code is the file that it writes."""

import re
from pathlib import Path

import numpy as np
import pytest

from framewire.pipeline.graph import ConfigError, load_pipeline
from framewire.pipeline.library.graph_in_code import Graph
from framewire.pipeline.stage import Stage, stage
from tests.system.pipelines import odd_stages

ROOT = Path(__file__).resolve().parents[3]
FILES = sorted([*(ROOT / "configs").glob("*.yaml"), *(ROOT / "tests/system/pipelines").glob("*.yaml")])


@stage("nested")
class Outer(Stage):
    class Inner(Stage):
        name = "inner"


def test_it_is_the_file_that_it_writes(tmp_path: Path) -> None:
    graph = Graph("door", window=8)
    capture = graph.add("capture", source=Path("people.mp4"), limit=np.int64(5))
    faces = graph.add("face_detect", input=capture, method="haar", width=320)
    tracks = graph.add("track", input=faces)
    count = graph.add("count", input=tracks, lines={"door": ((0.5, 0), (0.5, 1))})
    graph.add("jsonl_writer", name="list", input=[count, "track"], path="007")
    path = tmp_path / "door.yaml"
    path.write_text(graph.to_yaml())
    spec = load_pipeline(path)
    assert (spec.name, spec.window) == ("door", 8)
    assert [(one.name, one.use, one.inputs) for one in spec.stages] == [
        ("capture", "capture", ()),
        ("face_detect", "face_detect", ("capture",)),
        ("track", "track", ("face_detect",)),
        ("count", "count", ("track",)),
        ("list", "jsonl_writer", ("count", "track")),
    ]
    assert spec.stages[-1].options["path"] == "007"


def test_names_are_those_of_the_stages_and_never_twice() -> None:
    graph = Graph()
    assert [graph.add("capture").name for _ in range(3)] == ["capture", "capture2", "capture3"]
    with pytest.raises(ValueError, match="there is a stage 'capture' already"):
        graph.add("face_detect", name="capture")


def test_a_file_can_be_added_to(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(
        "window: 16\nstages:\n  capture: {source: '${CAM:-demo}'}\n  faces: {use: face_detect, input: capture}\n"
    )
    graph = Graph.load(path)
    graph.add("jsonl_writer", name="list", input=graph["faces"])
    assert graph.folder == tmp_path
    again = tmp_path / "again.yaml"
    again.write_text(graph.to_yaml())
    spec = load_pipeline(again)
    assert (spec.name, spec.window) == ("p", 16)
    assert spec.stage("list").inputs == ("faces",)
    assert spec.stage("capture").options["source"] == "demo"
    with pytest.raises(KeyError):
        graph["nobody"]


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_a_file_that_is_loaded_and_written_again_is_the_same_pipeline(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in re.findall(r"\$\{(\w+)\}", file.read_text()):
        monkeypatch.setenv(variable, "rtsp://127.0.0.1/")
    before = load_pipeline(file)
    graph = Graph.load(file)
    after = load_pipeline(graph.folder / file.name, text=graph.to_yaml())
    assert after == before


def test_words_that_yaml_takes_for_something_else(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(
        "stages:\n"
        "  on: {use: capture, source: '2024-01-01'}\n"
        "  list: {use: jsonl_writer, input: 'on', path: '{stream}-12:30.jsonl'}\n"
    )
    assert load_pipeline(path, text=Graph.load(path).to_yaml()) == load_pipeline(path)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("[1, 2]", "this is not a pipeline: it needs a mapping `stages`"),
        ("stages: [capture]", "this is not a pipeline: it needs a mapping `stages`"),
        ("stages: {capture: demo}", "stage 'capture' needs a mapping of options"),
        ("stages: {capture: ", "invalid YAML"),
    ],
)
def test_what_is_not_a_pipeline_is_an_error_with_its_place(tmp_path: Path, text: str, error: str) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=f"^{path}.*{error}"):
        Graph.load(path)


def test_classes_of_ones_own_where_another_process_can_import_them() -> None:
    graph = Graph()
    cls = next(
        one
        for one in vars(odd_stages).values()
        if isinstance(one, type)
        and issubclass(one, Stage)
        and one is not Stage
        and one.__module__ == odd_stages.__name__
    )
    graph.add(cls, name="own")
    assert f"use: {odd_stages.__name__}:{cls.__qualname__}" in graph.to_yaml()

    @stage("local")
    class Local(Stage):
        pass

    for wrong in (Local, Outer.Inner):
        with pytest.raises(ValueError, match=r"cannot be imported by the processes of a run; put the class at the top"):
            graph.add(wrong)
