"""Tracks, their attributes and the counts survive the death of the worker that held them."""

import json
from pathlib import Path

import pytest

from tests.system.in_full import in_full
from tests.system.running import PIPELINES, Running, lines_in, run, wait_until

CONFIG = PIPELINES / "followed.yaml"
FRAMES = 120


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("undisturbed")
    finished = run(CONFIG, out)
    assert finished.code == 0, finished.stderr
    return out / "followed.jsonl"


def test_faces_keep_their_numbers_and_get_what_was_said(undisturbed: Path) -> None:
    lines = [json.loads(line) for line in undisturbed.read_text().splitlines()]
    faces = [found for line in lines[10:] for found in line["detections"] if "track" in found]
    assert len(faces) > 150
    assert len({face["track"] for face in faces}) <= 6
    assert sum("emotion" in face.get("attributes", {}) for face in faces) >= 0.9 * len(faces)
    events = [event["kind"] for line in lines for event in line.get("events", [])]
    assert {"came", "in_view"} <= set(events)


@pytest.mark.parametrize(
    "worker",
    ["tracks#0", *(pytest.param(name, marks=in_full) for name in ("people#1", "steady#0", "counted#0", "faces#0"))],
)
def test_who_is_killed_leaves_no_trace(worker: str, undisturbed: Path, tmp_path: Path) -> None:
    running = Running(CONFIG, tmp_path)
    wait_until(lambda: lines_in(tmp_path / "followed.jsonl") >= FRAMES // 3, "a third of the frames")
    running.worker(worker).kill()
    finished = running.finish()
    assert finished.code == 0, finished.stderr
    assert finished.summary is not None
    assert finished.summary.restarts == 1
    assert (tmp_path / "followed.jsonl").read_bytes() == undisturbed.read_bytes()
