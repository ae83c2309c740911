"""Each worker sees its own GPUs, here and on another machine; too few are told before any frame is read."""

from pathlib import Path

import pytest

from tests.system.cluster import Cluster
from tests.system.running import PIPELINES, framewire, run

GPUS = PIPELINES / "gpus.yaml"
TOO_FEW = "near: home needs 2 GPUs (near 4 x 0.5), and has 1 GPU (0); lower `gpus` or `replicas`"


def seen(out: Path, stage: str) -> list[str]:
    """What each worker of the stage has found in CUDA_VISIBLE_DEVICES."""
    return sorted(path.read_text() for path in out.glob(f"{stage}-*.gpus"))


def test_each_worker_sees_its_own(tmp_path: Path, keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    cluster = Cluster(tmp_path, keys, [None, None], GPUS)
    try:
        finished = cluster.running.finish()
        assert finished.code == 0, finished.stderr
    finally:
        cluster.close()
    assert seen(tmp_path / "home", "near") == ["4", "4", "7", "7"]
    assert seen(tmp_path / "n-0", "far") == ["4", "7"]
    assert seen(tmp_path / "home", "free") == ["4,7"]


def test_too_few_are_told_by_check_and_end_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "local.yaml"
    local = [line.replace(", on: n-0", "") for line in GPUS.read_text().splitlines() if "machines:" not in line]
    config.write_text("\n".join(local).replace("engine: agents", "engine: local").replace("gpus: 1}", "gpus: 0}"))
    (tmp_path / "odd_stages.py").write_text((PIPELINES / "odd_stages.py").read_text())
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    checked = framewire("check", str(config), "--out", str(tmp_path / "checked"))
    assert checked.code == 2
    assert f"error: {TOO_FEW}" in checked.stderr
    finished = run(config, tmp_path / "out")
    assert finished.code == 1
    assert TOO_FEW in finished.stderr
    assert "Traceback" not in finished.stderr
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    checked = framewire("check", str(config), "--out", str(tmp_path / "checked"))
    assert checked.code == 0, checked.stderr
    assert "home needs 2 GPUs (near 4 x 0.5)" in checked.stdout
