"""A run whose every process is killed goes on with --resume, or leaves its files whole to the next."""

import random
import shutil
from pathlib import Path

import av
import pytest

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
        lines += rng.randrange(5, 40)
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
    with av.open(str(tmp_path / "endless-1.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) >= lines - 32


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
    pictures = 0
    for name in ("endless.mp4", "endless-1.mp4"):
        with av.open(str(tmp_path / name)) as container:
            pictures += sum(1 for _ in container.decode(video=0))
    assert pictures == 3000
