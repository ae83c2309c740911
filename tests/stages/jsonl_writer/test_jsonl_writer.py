import json
from pathlib import Path

import numpy as np
import pytest

from framewire.pipeline.frame.packet import Attribute, Detection
from framewire.pipeline.stage import StageError
from framewire.pipeline.testing import StageRunner
from framewire.stages.jsonl_writer import JsonlWriter

PICTURE = np.zeros((48, 64, 3), np.uint8)


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_says_what_there_is_and_no_more(tmp_path: Path) -> None:
    full = Detection(
        label="face",
        box=(1.5, 2, 3, 4),
        id="faces.0",
        score=0.5,
        landmarks=((1.0, 2.0),),
        attributes={"age": Attribute("25-32", 0.75), "mood": Attribute("calm")},
        track=7,
    )
    eye = Detection(label="eye", box=(2, 3, 1, 1), id="eyes.0", parent="faces.0")
    with StageRunner(JsonlWriter, out=tmp_path) as runner:
        assert runner.write(runner.packet(PICTURE).plus([full, eye])) == 1
        assert runner.write(runner.packet(PICTURE).drop("dull").by("filter")) == 2
    assert lines(tmp_path / "frames.jsonl") == [
        {
            "schema": 1,
            "stream": "stream",
            "seq": 0,
            "pts": 0.0,
            "width": 64,
            "height": 48,
            "outcome": "ok",
            "detections": [
                {
                    "id": "faces.0",
                    "label": "face",
                    "box": [1.5, 2, 3, 4],
                    "score": 0.5,
                    "landmarks": [[1.0, 2.0]],
                    "attributes": {"age": {"label": "25-32", "score": 0.75}, "mood": {"label": "calm"}},
                    "track": 7,
                },
                {"id": "eyes.0", "label": "eye", "box": [2, 3, 1, 1], "parent": "faces.0"},
            ],
        },
        {
            "schema": 1,
            "stream": "stream",
            "seq": 1,
            "pts": 0.04,
            "width": 64,
            "height": 48,
            "outcome": "dropped",
            "reason": "dull",
            "stage": "filter",
            "detections": [],
        },
    ]


def test_after_a_crash_it_goes_on_at_the_mark(tmp_path: Path) -> None:
    path = tmp_path / "frames.jsonl"
    crashed = StageRunner(JsonlWriter, out=tmp_path)
    crashed.stage.open()
    for _ in range(6):
        crashed.write(crashed.packet(PICTURE))
    for seq in range(3):
        crashed.write(crashed.packet(PICTURE, seq, "other"))
    whole = path.read_bytes()
    with path.open("ab") as file:
        file.write(b'{"stream":"stream","seq":6,"pts":0.2')
    with StageRunner(JsonlWriter, out=tmp_path, resumed=True) as runner:
        runner.stage.resume("stream", 4)  # type: ignore[attr-defined]
        assert [(line["stream"], line["seq"]) for line in lines(path)] == [
            *(("stream", seq) for seq in range(4)),
            *(("other", seq) for seq in range(3)),
        ]
        for seq in (4, 5):
            runner.write(runner.packet(PICTURE, seq))
    assert sorted(path.read_bytes().splitlines()) == sorted(whole.splitlines())


def test_what_goes_to_disk_now_and_then_can_be_made_safe_early(tmp_path: Path) -> None:
    with StageRunner(JsonlWriter, out=tmp_path) as runner:
        runner.context.to_disk = True
        packets = [runner.packet(PICTURE) for _ in range(4)]
        assert [runner.write(packet) for packet in packets] == [0, 2, 2, 4]
        last = runner.packet(PICTURE)
        assert runner.write(last) == 4
        assert runner.stage.settle(last) == 5  # type: ignore[attr-defined]
    assert [line["seq"] for line in lines(tmp_path / "frames.jsonl")] == [0, 1, 2, 3, 4]


def test_a_new_run_starts_a_new_file(tmp_path: Path) -> None:
    (tmp_path / "frames.jsonl").write_text("old\n")
    with StageRunner(JsonlWriter, out=tmp_path) as runner:
        runner.write(runner.packet(PICTURE))
    assert len(lines(tmp_path / "frames.jsonl")) == 1


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StageError, match="cannot be written"), StageRunner(JsonlWriter, out=tmp_path / "file"):
        pass


def test_each_stream_has_its_file_where_the_path_says_so(tmp_path: Path) -> None:
    with StageRunner(JsonlWriter, {"path": "{stream}.jsonl"}, out=tmp_path) as runner:
        for stream in ("a", "b", "a"):
            runner.write(runner.packet(PICTURE, stream=stream))
    assert len(lines(tmp_path / "a.jsonl")) == 2
    assert len(lines(tmp_path / "b.jsonl")) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jsonl", "b.jsonl"]


def test_a_new_file_now_and_then_and_the_oldest_go(tmp_path: Path) -> None:
    options = {"path": "a.jsonl", "rotate_s": 0.4, "keep_files": 2}
    with StageRunner(JsonlWriter, options, out=tmp_path) as runner:
        for _ in range(35):
            runner.write(runner.packet(PICTURE))
    # Ten frames of 40 ms in each; of four files the newest two stay.
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == ["a-002.jsonl", "a-003.jsonl"]
    assert [line["seq"] for line in lines(tmp_path / "a-002.jsonl")] == list(range(20, 30))


@pytest.mark.parametrize("mark", [3, 9, 10, 11, 19, 20, 25])
def test_after_a_crash_parts_go_on_at_the_mark(mark: int, tmp_path: Path) -> None:
    options = {"path": "{stream}.jsonl", "rotate_s": 0.4}
    crashed = StageRunner(JsonlWriter, options, out=tmp_path)
    crashed.stage.open()
    packets = [crashed.packet(PICTURE) for _ in range(40)]
    for packet in packets[:26]:
        crashed.write(packet)
    with StageRunner(JsonlWriter, options, out=tmp_path, resumed=True) as runner:
        runner.stage.resume("stream", mark)  # type: ignore[attr-defined]
        for packet in packets[mark:]:
            runner.write(packet)
    written = [[line["seq"] for line in lines(path)] for path in sorted(tmp_path.glob("*.jsonl"))]
    assert written == [list(range(first, first + 10)) for first in range(0, 40, 10)]
