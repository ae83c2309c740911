"""What a pipeline file names to be read is looked for beside it, whatever the current folder."""

from pathlib import Path

import pytest
from msgspec import Struct

from framewire.pipeline.graph import load_pipeline
from framewire.pipeline.input_path import beside
from framewire.pipeline.option import InputFile, InputFolder, InputPath


class Part(Struct, frozen=True):
    model: InputFile = "emotion"
    note: str = ""


class Example(Struct, frozen=True):
    source: InputPath = "demo"
    folder: InputFolder = ""
    models: list[Part] = []
    named: dict[str, Part] = {}
    one: Part = Part()
    text: str = ""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("demo", "emotion", "weights"):
        (tmp_path / name).mkdir()
    for name in ("net.onnx", "film.mp4", "1.png"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({"source": "film.mp4"}, {"source": "{}/film.mp4"}),
        ({"source": "*.png"}, {"source": "{}/*.png"}),
        ({"source": "weights"}, {"source": "{}/weights"}),
        ({"folder": "weights"}, {"folder": "{}/weights"}),
        (
            {"models": [{"model": "net.onnx", "note": "net.onnx"}]},
            {"models": [{"model": "{}/net.onnx", "note": "net.onnx"}]},
        ),
        ({"named": {"a": {"model": "net.onnx"}}}, {"named": {"a": {"model": "{}/net.onnx"}}}),
        ({"one": {"model": "net.onnx"}}, {"one": {"model": "{}/net.onnx"}}),
    ],
)
def test_what_lies_beside_the_file_is_taken_from_there(
    values: dict[str, object], found: dict[str, object], folder: Path
) -> None:
    def filled(value: object) -> object:
        if isinstance(value, dict):
            return {key: filled(item) for key, item in value.items()}
        if isinstance(value, list):
            return [filled(item) for item in value]
        return str(value).format(folder)

    assert beside(Example, values, folder) == filled(found)


@pytest.mark.parametrize(
    "values",
    [
        # The default is a name, also where a folder has the same one; a file's place is no folder, and the reverse.
        {"source": "demo"},
        {"models": [{"model": "emotion"}]},
        {"folder": "net.onnx"},
        {"source": "absent.mp4"},
        {"source": "*.jpg"},
        {"source": "rtsp://camera.local/stream"},
        {"source": "x" * 5000},
        {"folder": ""},
        {"text": "film.mp4"},
    ],
)
def test_anything_else_stays_as_it_is(values: dict[str, object], folder: Path) -> None:
    assert beside(Example, values, folder) == values


def test_the_command_line_means_the_current_folder(folder: Path) -> None:
    path = folder / "p.yaml"
    path.write_text(
        "stages:\n  capture: {source: film.mp4}\n"
        "  people: {use: classify, input: capture, models: [{model: net.onnx, labels: film.mp4}], model_dir: weights}\n"
        "  list: {use: jsonl_writer, input: people}\n"
    )
    spec = load_pipeline(path)
    assert spec.stage("capture").options["source"] == str(folder / "film.mp4")
    (model,) = spec.stage("people").options["models"]
    assert (model["model"], model["labels"]) == (str(folder / "net.onnx"), str(folder / "film.mp4"))
    assert spec.stage("people").options["model_dir"] == str(folder / "weights")
    assert load_pipeline(path, source="film.mp4").stage("capture").options["source"] == "film.mp4"
    overridden = load_pipeline(path, ["capture.source=film.mp4", "people.model_dir=weights"])
    assert overridden.stage("capture").options["source"] == "film.mp4"
    assert overridden.stage("people").options["model_dir"] == "weights"


def test_streams_are_looked_for_one_by_one(folder: Path) -> None:
    path = folder / "p.yaml"
    path.write_text(
        "stages:\n  capture: {sources: {a: film.mp4, b: {source: film.mp4}, c: demo}}\n"
        "  list: {use: jsonl_writer, input: capture}\n"
    )
    spec = load_pipeline(path, ["b.source=film.mp4"])
    sources = {stage.name: stage.options["source"] for stage in spec.stages if stage.kind == "source"}
    assert sources == {"a": str(folder / "film.mp4"), "b": "film.mp4", "c": "demo"}
