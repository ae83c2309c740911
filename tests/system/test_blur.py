"""Who is hidden is not seen by what comes behind, in any ring or file, whoever dies or raises."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from framewire.models.finders.face_finder import Thresholds
from framewire.models.finders.load_face_finder import load_face_finder
from framewire.models.runtime.provider import Execution
from framewire.models.store.model_store import ModelStore
from tests.system.pipelines.secrets_stages import FACE, SECRET, shown_in
from tests.system.running import PIPELINES, SHARED, Running, framewire, run, wait_until
from tests.system.served import served


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    finished = run(PIPELINES / "secrets.yaml", tmp_path / "out")
    assert finished.code == 0, finished.stderr
    assert finished.summary is not None
    assert finished.summary.frames.failed == {"faces:ValueError": 6, "faces:crashed": 1, "behind:crashed": 1}
    return tmp_path / "out"


def test_the_face_is_in_no_ring_and_no_file(kept: Path) -> None:
    looked = [line.split() for line in (kept / "looked.txt").read_text().splitlines()]
    assert len({seq for seq, pictures in looked if pictures == "1"}) >= 50
    assert not (kept / "seen.txt").exists()
    files = [path for path in kept.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} >= {".png", ".frame", ".jsonl", ".mp4"}
    assert not [path for path in files if shown_in(path.read_bytes())]
    x, y, width, height = FACE
    pictures = sorted((kept / "frames").glob("*.png"))
    assert len(pictures) == 52
    for path in pictures:
        face = np.asarray(cv2.imread(str(path)))[y : y + height, x : x + width]
        # In the frames of which the detector said that nobody was there, the box of a moment ago is held.
        assert (face == SECRET).all(axis=2).mean() < 0.01
        assert np.abs(np.diff(face.astype(int), axis=1)).mean() < 15


def test_the_search_would_find_it(tmp_path: Path) -> None:
    """Without the stage, the same search finds the face in rings and files."""
    text = (
        (PIPELINES / "secrets.yaml")
        .read_text()
        .replace("hidden: {use: blur,", 'hidden: {use: "secrets_stages:Passes",')
    )
    config = tmp_path / "secrets.yaml"
    config.write_text(text)
    stages = (PIPELINES / "secrets_stages.py").read_text()
    passes = '\n\n@stage("passes")\nclass Passes(Stage[None]):\n    def process(self, packet):\n        return packet\n'
    (tmp_path / "secrets_stages.py").write_text(stages + passes)
    finished = run(config, tmp_path / "out")
    assert finished.code == 0, finished.stderr
    assert len((tmp_path / "out" / "seen.txt").read_text().splitlines()) >= 50
    saved = (tmp_path / "out" / "failed" / "behind-people-000030.frame").read_bytes()
    assert shown_in(saved)


def test_what_is_kept_of_a_failed_frame_has_no_pixels(kept: Path) -> None:
    saved = sorted(path.name for path in (kept / "failed").iterdir())
    assert saved == ["behind-people-000030.frame", "faces-people-000021.frame"]
    for name in saved:
        again = framewire("replay", str(kept / "failed" / name))
        assert again.code == 1
        assert "kept without its pixels, since its pipeline hides parts of them" in again.stderr


def test_viewers_see_only_what_is_behind_it(tmp_path: Path) -> None:
    config = tmp_path / "watched.yaml"
    text = (PIPELINES / "secrets.yaml").read_text().replace('People"}', 'People", count: 100000}')
    # A sink of the original, which is quicker to show its pictures.
    config.write_text(
        text + '  raw: {use: image_writer, input: people, of: frame, every: 1000, path: "raw/{seq}.png"}\n'
    )
    (tmp_path / "secrets_stages.py").write_text((PIPELINES / "secrets_stages.py").read_text())
    x, y, width, height = FACE
    with served(config, tmp_path / "out") as one:
        for _ in range(10):
            jpeg = np.frombuffer(one.get("/streams/people.jpg").body, np.uint8)
            face = np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR))[y : y + height, x : x + width]
            assert np.abs(np.diff(face.astype(int), axis=1)).mean() < 15


def test_no_face_is_found_in_the_film(tmp_path: Path) -> None:
    film, models = SHARED / "videos" / "bench-720p.mp4", SHARED / "models"
    if not film.exists():
        pytest.skip("../shared is not here")
    config = tmp_path / "hidden.yaml"
    config.write_text(
        "stages:\n"
        f"  capture: {{source: '{film}', start_s: 2, limit: 90}}\n"
        f"  faces: {{use: face_detect, input: capture, method: dnn, score: 0.5, width: 480, model_dir: '{models}'}}\n"
        "  tracks: {use: track, input: faces}\n"
        "  hidden: {use: blur, input: tracks}\n"
        "  list: {use: jsonl_writer, input: hidden, path: list.jsonl}\n"
        "  video: {use: video_writer, input: hidden, path: hidden.mp4}\n"
    )
    running = Running(config, tmp_path / "out")
    lines = tmp_path / "out" / "list.jsonl"
    for victim, count in (("hidden#0", 10), ("faces#0", 40)):
        wait_until(lambda least=count: written(lines) > least, "some lines")  # type: ignore[misc]
        running.worker(victim).kill()
    finished = running.finish()
    assert finished.code == 0, finished.stderr
    told = [json.loads(line) for line in lines.read_text().splitlines()]
    assert [line["seq"] for line in told] == list(range(90))
    assert sum(len(line["detections"]) for line in told) >= 90
    finder = load_face_finder("yunet", Thresholds(0.6, 0.3), 640, ModelStore(models), Execution("cpu"))
    shown = cv2.VideoCapture(str(tmp_path / "out" / "hidden.mp4"))
    count = 0
    while (read := shown.read())[0]:
        assert not finder.find([np.asarray(read[1], np.uint8)])[0]
        count += 1
    assert count == 90


def written(lines: Path) -> int:
    """Lines so far, of a file that may not be there."""
    try:
        return lines.read_text().count("\n")
    except FileNotFoundError:
        return 0
