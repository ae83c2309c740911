"""Every valid pipeline file loads, every invalid one gets exactly the message in its last line."""

import re
from pathlib import Path

import pytest

from framewire.pipeline.graph import ConfigError, load_pipeline

CASES = Path(__file__).resolve().parents[2] / "configs"
VALID = sorted((CASES / "valid").glob("*.yaml"))
INVALID = sorted((CASES / "invalid").glob("*.yaml"))
SHIPPED = sorted((CASES.parents[1] / "configs").glob("*.yaml"))


def name(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("path", [*VALID, *SHIPPED], ids=name)
def test_valid(path: Path) -> None:
    assert load_pipeline(path).stages


@pytest.mark.parametrize("path", INVALID, ids=name)
def test_invalid(path: Path) -> None:
    said = re.search(r"^# error:(.*)", path.read_bytes().decode("latin-1"), re.MULTILINE)
    assert said, "the file does not name the expected message"
    with pytest.raises(ConfigError) as caught:
        load_pipeline(path)
    assert str(caught.value) == f"{path}:{said.group(1)}"


def test_there_are_cases() -> None:
    assert len(VALID) >= 7
    assert len(INVALID) >= 40


def test_no_file() -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load_pipeline(Path("nowhere.yaml"))


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="this is a folder"):
        load_pipeline(tmp_path)


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(
        """
wibndow: 3
stages:
  capture: {source: demo, thread: 3, limit: many, every: 0}
  face: {use: face_detekt, input: capture}
  list: {use: jsonl_writer, input: capture, replicas: x}
"""
    )
    with pytest.raises(ConfigError) as caught:
        load_pipeline(path)
    assert [(error.place.line, error.text.split(";")[0]) for error in caught.value.all] == [
        (2, "a pipeline has no option 'wibndow' (did you mean 'window'?)"),
        (4, "stage 'capture' has no option 'thread' (did you mean 'threads'?)"),
        (4, "limit: 'many' is not a whole number, 0 or more"),
        (4, "every: 0 is not a whole number, 1 or more"),
        (5, "unknown stage 'face_detekt' (did you mean 'face_detect'?)"),
        (6, "replicas: 'x' is not a whole number, 1 or more, at most 256"),
    ]


def test_a_stage_may_be_called_on_but_its_readers_must_quote_it(tmp_path: Path) -> None:
    path = tmp_path / "on.yaml"
    text = "stages:\n  on: {use: capture, source: demo}\n  off: {use: jsonl_writer, input: on, path: a.jsonl}\n"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_pipeline(path)
    said = [str(error) for error in caught.value.all]
    assert said == [f'{path}:3:35: input: True is not text or list of text; put it in quotes: "on"']
    path.write_text(text.replace("input: on", 'input: "on"'))
    assert [spec.name for spec in load_pipeline(path).stages] == ["on", "off"]


def test_errors_of_the_graph_are_told_together_too(tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(
        """
stages:
  capture: {source: demo, limit: many}
  faces: {use: face_detekt, input: capture}
  tracks: {use: track, input: faces}
  count: {input: [tracks, tracks, trakcs]}
  list: {use: jsonl_writer, path: a.jsonl}
"""
    )
    with pytest.raises(ConfigError) as caught:
        load_pipeline(path)
    assert [(error.place.line, error.text.split(";")[0]) for error in caught.value.all] == [
        (3, "limit: 'many' is not a whole number, 0 or more"),
        (4, "unknown stage 'face_detekt' (did you mean 'face_detect'?)"),
        (6, "'count' names an input twice"),
        (6, "the input 'trakcs' of 'count' is not a stage (did you mean 'tracks'?)"),
        (7, "'list' has no input"),
    ]


def test_what_is_unread_and_what_is_of_no_use_are_told_together(tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(
        """
stages:
  capture: {source: demo, replicas: 2}
  faces: {use: face_detect, input: capture}
  steady: {use: smooth, input: capture}
  list: {use: jsonl_writer, input: steady, path: a.jsonl}
"""
    )
    with pytest.raises(ConfigError) as caught:
        load_pipeline(path)
    assert [(error.place.line, error.text.split(";")[0]) for error in caught.value.all] == [
        (3, "'capture' is a source and cannot have replicas"),
        (4, "nothing reads 'faces'"),
        (5, "'steady' needs tracks, and no stage before it gives them"),
    ]
