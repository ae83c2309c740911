"""Output in parts is the same even if the workers writing it are killed."""

import hashlib
from pathlib import Path

import av

from framewire.pipeline.unfinished import FOLDER
from tests.system.running import PIPELINES, Running, wait_until

FRAMES = 400


def parts(out: Path, suffix: str) -> list[Path]:
    return sorted((out / "source").glob(f"[0-9][0-9]{suffix}"))


def pictures(path: Path) -> list[str]:
    with av.open(str(path)) as container:
        return [hashlib.sha256(frame.to_ndarray().tobytes()).hexdigest() for frame in container.decode(video=0)]


def run(out: Path, *victims: str) -> None:
    running = Running(PIPELINES / "parts.yaml", out)
    for number, victim in enumerate(victims):
        wait_until(lambda wanted=number + 2: len(parts(out, ".jsonl")) >= wanted, "another part")  # type: ignore[misc]
        running.worker(f"{victim}#0").kill()
    finished = running.finish()
    assert finished.code == 0, finished.stderr
    assert finished.summary is not None
    assert finished.summary.frames.written == FRAMES
    assert sum(stage.restarts for stage in finished.summary.stages.values()) == len(victims)


def test_parts_are_the_same_though_their_writers_die(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    run(whole)
    run(cut, "video", "list", "video", "list", "video")
    assert [path.name for path in parts(cut, ".mp4")] == [path.name for path in parts(whole, ".mp4")]
    for one, other in zip(parts(whole, ".mp4"), parts(cut, ".mp4"), strict=True):
        assert pictures(one) == pictures(other), one.name
    for one, other in zip(parts(whole, ".jsonl"), parts(cut, ".jsonl"), strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name
    assert len(parts(whole, ".jsonl")) > 10
    # The engine's own folder, with its lock, stays.
    assert [path.name for path in cut.rglob(".*")] == [FOLDER]
