"""Frames that a stage fails on, drops, or dies on: they are counted, kept, and never stop the rest."""

import json
import signal
from pathlib import Path

import pytest

from tests.system.hosts import Agent
from tests.system.in_full import in_full
from tests.system.running import PIPELINES, framewire, free_port, run


def outcomes(path: Path) -> dict[int, str]:
    return {line["seq"]: line["outcome"] for line in map(json.loads, path.read_text().splitlines())}


def test_a_frame_that_kills_its_stage_three_times_is_set_aside(tmp_path: Path) -> None:
    finished = run(PIPELINES / "crash.yaml", tmp_path)
    assert finished.code == 0, finished.stderr
    assert finished.summary is not None
    assert finished.summary.frames.failed == {"crash:crashed": 1}
    assert finished.summary.frames.written == 59
    assert finished.summary.stages["crash"].restarts == 3
    assert outcomes(tmp_path / "crash.jsonl") == {seq: "failed" if seq == 21 else "ok" for seq in range(60)}

    kept = tmp_path / "failed" / "crash-source-000021.frame"
    again = framewire("replay", str(kept), cwd=tmp_path)
    assert again.code == -signal.SIGKILL
    mended = framewire("replay", str(kept), cwd=tmp_path, env={"MENDED": "1"})
    assert mended.code == 0, mended.stderr
    assert "processed it: ok" in mended.stdout


@pytest.mark.parametrize("replicas", [1, 2])
def test_of_a_batch_only_the_guilty_frame_is_set_aside(replicas: int, tmp_path: Path) -> None:
    settings = ("crash.use=odd_stages:BatchCrashOn", f"crash.replicas={replicas}", "crash.batch={size: 6, wait_ms: 20}")
    finished = run(PIPELINES / "crash.yaml", tmp_path, *(part for one in settings for part in ("--set", one)))
    assert finished.code == 0, finished.stderr
    assert finished.summary is not None
    assert finished.summary.frames.failed == {"crash:crashed": 1}
    assert outcomes(tmp_path / "crash.jsonl") == {seq: "failed" if seq == 21 else "ok" for seq in range(60)}
    assert finished.summary.detections["seen"] == 59
    assert (finished.summary.stages["crash"].mean_batch or 0) > 1
    kept = tmp_path / "failed" / "crash-source-000021.frame"
    assert framewire("replay", str(kept), cwd=tmp_path).code == -signal.SIGKILL
    assert framewire("replay", str(kept), cwd=tmp_path, env={"MENDED": "1"}).code == 0


def test_replay_of_something_else(tmp_path: Path) -> None:
    path = tmp_path / "letter.frame"
    path.write_text("no frame")
    finished = framewire("replay", str(path))
    assert finished.code == 2
    assert "is not a frame saved by a run" in finished.stderr
    assert "Traceback" not in finished.stderr


def test_a_worker_that_always_dies_ends_the_run(tmp_path: Path) -> None:
    config = tmp_path / "hopeless.yaml"
    config.write_text(
        (PIPELINES / "crash.yaml").read_text().replace("name: crash", "name: hopeless\nrestarts: {limit: 1}")
    )
    (tmp_path / "odd_stages.py").write_text((PIPELINES / "odd_stages.py").read_text())
    finished = run(config, tmp_path / "out", "--set", "crash.replicas=1")
    assert finished.code == 1
    assert "crash#0 died 2 times within 60 s (killed by SIGKILL)" in finished.stderr
    assert finished.summary is not None
    # Frames before it are there, in order.
    seqs = list(outcomes(tmp_path / "out" / "crash.jsonl"))
    assert seqs == list(range(len(seqs)))


def test_exceptions_and_filters_are_counted_by_reason(tmp_path: Path) -> None:
    finished = run(PIPELINES / "reasons.yaml", tmp_path)
    assert finished.code == 0, finished.stderr
    assert finished.summary is not None
    frames = finished.summary.frames
    assert frames.admitted == 100
    assert frames.failed == {"fail:ValueError": 1}
    assert frames.dropped == {"filter:odd": 50}
    assert frames.written == 49
    assert "on purpose" in finished.stderr
    assert "frame 42 of source failed: ValueError: on purpose" in finished.stderr


@pytest.mark.parametrize(("share", "code"), [(0.2, 0), (0.05, 1)])
def test_how_many_may_fail(share: float, code: int, tmp_path: Path) -> None:
    config = tmp_path / "some.yaml"
    config.write_text(f"max_failed: {share}\n" + (PIPELINES / "reasons.yaml").read_text())
    (tmp_path / "odd_stages.py").write_text((PIPELINES / "odd_stages.py").read_text())
    finished = run(config, tmp_path / "out", "--set", "fail.every=10", "--set", "fail.frame=-1")
    assert finished.code == code
    assert finished.summary is not None
    assert finished.summary.frames.failed == {"fail:ValueError": 10}


@pytest.mark.parametrize("pixels", [True, pytest.param(False, marks=in_full)])
def test_a_frame_that_kills_a_stage_on_another_machine_comes_home(pixels: bool, tmp_path: Path, keys: Path) -> None:
    """Without its pixels, where a stage hides parts of them."""
    hides = "" if pixels else "  hidden: {use: blur, input: read, of: nobody}\n"
    config = tmp_path / "crash.yaml"
    text = (PIPELINES / "crash.yaml").read_text().replace("replicas: 2}", "replicas: 2, on: n-0}")
    text = text.replace("  metadata", f"{hides}  metadata").replace(
        "input: read, path", f"input: {'read' if pixels else 'hidden'}, path"
    )
    config.write_text(f"engine: agents\nmachines: {{n-0: {{}}}}\nlease_s: 1.5\nnode_wait_s: 30\n{text}")
    (tmp_path / "odd_stages.py").write_text((PIPELINES / "odd_stages.py").read_text())
    join, home = f"127.0.0.1:{free_port()}", tmp_path / "home"
    with Agent(join, keys / "n-0.key", tmp_path / "n-0", cwd=keys):
        finished = run(config, home, "--agents", join, "--keys", str(keys))
    assert finished.code == 0, finished.stderr
    assert finished.summary is not None
    assert finished.summary.frames.failed == {"crash:crashed": 1}
    kept = home / "failed" / "crash-source-000021.frame"
    assert f"crash: frame 21 of source saved to {kept}" in " ".join(finished.stderr.split())
    assert (tmp_path / "n-0" / "failed" / kept.name).exists()
    again = framewire("replay", str(kept), cwd=tmp_path)
    if pixels:
        assert again.code == -signal.SIGKILL
        mended = framewire("replay", str(kept), cwd=tmp_path, env={"MENDED": "1"})
        assert (mended.code, "processed it: ok" in mended.stdout) == (0, True), mended.stderr
    else:
        assert again.code != 0
        assert "kept without its pixels" in again.stderr
