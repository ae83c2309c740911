"""A run whose every process is killed goes on with --resume, or leaves its files whole to the next."""

import json
import random
import shutil
from pathlib import Path

import psutil
import pytest

from tests.mjpeg_server import serving
from tests.system.pictures import pictures_in
from tests.system.running import PIPELINES, SHARED, Running, framewire, lines_in, run, wait_until
from tests.system.test_nothing_lost import EVERYTHING, FRAMES, assert_same, undisturbed

__all__ = ["undisturbed"]
ENDLESS = PIPELINES / "endless.yaml"


def killed(out: Path, *arguments: str, config: Path = ENDLESS, lines: int = 100, name: str = "endless") -> None:
    running = Running(config, out, *arguments)
    wait_until(lambda: lines_in(out / f"{name}.jsonl") >= lines or running.process.poll() is not None, "some lines")
    running.process.kill()
    running.finish()


def test_every_process_is_killed_again_and_again(undisturbed: Path, tmp_path: Path) -> None:
    rng = random.Random(1)
    lines = 0
    while lines < FRAMES - 20:
        lines += rng.randrange(10, 50)
        killed(tmp_path, "--resume", config=EVERYTHING, lines=lines, name="everything")
    assert_same(tmp_path, undisturbed, run(EVERYTHING, tmp_path, "--resume"))
    ended = framewire("run", str(EVERYTHING), "--out", str(tmp_path), "--http", "off", "--resume")
    assert (ended.code, "has ended: there is nothing to resume" in ended.stdout) == (0, True)


@pytest.mark.skipif(not (SHARED / "models").exists(), reason="the shared weights are missing")
def test_a_model_that_comes_meanwhile_changes_nothing(undisturbed: Path, tmp_path: Path) -> None:
    models, out = tmp_path / "models", tmp_path / "out"
    models.mkdir()
    auto = ("--resume", "--set", "frontal.method=auto", "--set", f"frontal.model_dir={models}")
    killed(out, *auto, config=EVERYTHING, lines=30, name="everything")
    shutil.copy(SHARED / "models" / "face_detection_yunet_2023mar.onnx", models)
    assert_same(out, undisturbed, run(EVERYTHING, out, *auto))


@pytest.mark.parametrize(
    ("setting", "said"),
    [("source.count=7", "source.count was 100000000, and is 7"), ("video.crf=40", "video.crf was 23, and is 40")],
)
def test_another_run_is_not_resumed(setting: str, said: str, tmp_path: Path) -> None:
    killed(tmp_path)
    before = (tmp_path / "endless.jsonl").read_bytes()
    finished = framewire("run", str(ENDLESS), "--out", str(tmp_path), "--http", "off", "--resume", "--set", setting)
    assert finished.code == 2
    assert said in finished.stderr
    assert (tmp_path / "endless.jsonl").read_bytes() == before


def test_the_next_run_keeps_what_a_killed_one_left(tmp_path: Path) -> None:
    killed(tmp_path)
    lines = lines_in(tmp_path / "endless.jsonl")
    finished = run(ENDLESS, tmp_path, "--set", "source.count=40")
    assert finished.code == 0, finished.stderr
    assert "an earlier run was killed" in finished.stderr
    assert lines_in(tmp_path / "endless.jsonl") == 40
    assert lines_in(tmp_path / "endless-1.jsonl") >= lines
    assert pictures_in(tmp_path / "endless-1.mp4") >= lines - 32


def test_a_stopped_run_goes_on_in_a_numbered_film(tmp_path: Path) -> None:
    running = Running(ENDLESS, tmp_path, "--set", "source.count=3000")
    wait_until(lambda: lines_in(tmp_path / "endless.jsonl") > 50, "some lines")
    running.process.terminate()
    first = running.finish()
    assert first.code == 130
    assert first.summary is not None
    finished = run(ENDLESS, tmp_path, "--set", "source.count=3000", "--resume")
    assert finished.code == 0, finished.stderr
    assert lines_in(tmp_path / "endless.jsonl") == 3000
    assert sum(pictures_in(tmp_path / name) for name in ("endless.mp4", "endless-1.mp4")) == 3000


def test_a_live_run_goes_on_behind_a_lost_window(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers and times go on, lines are appended, and the film begins a numbered part."""
    with serving() as server:
        monkeypatch.setenv("LIVE_URL", server.url)
        config = PIPELINES / "live.yaml"
        running = Running(config, tmp_path, "--resume")
        wait_until(lambda: lines_in(tmp_path / "live.jsonl") > 40, "some lines")
        family = running.processes()
        running.process.kill()
        running.finish()
        psutil.wait_procs(family, timeout=30)
        before = lines_in(tmp_path / "live.jsonl")
        running = Running(config, tmp_path, "--resume")
        wait_until(lambda: lines_in(tmp_path / "live.jsonl") > before + 80, "more lines")
        running.process.terminate()
        finished = running.finish()
    assert "no picture for" not in finished.stderr
    assert finished.summary is not None
    rows = [json.loads(line) for line in (tmp_path / "live.jsonl").read_text().splitlines()]
    assert [row["seq"] for row in rows] == list(range(finished.summary.frames.admitted))
    lost = [row["seq"] for row in rows if row["outcome"] == "failed"]
    assert lost == list(range(lost[0], lost[0] + 32))
    assert finished.summary.frames.failed == {"capture:crashed": 32}
    times = [row["pts"] for row in rows if row["outcome"] == "ok"]
    assert times == sorted(times)
    assert pictures_in(tmp_path / "live.mp4") == lost[0]
    assert pictures_in(tmp_path / "live-1.mp4") == len(rows) - lost[0] - 32
