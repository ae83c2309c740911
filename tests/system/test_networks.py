"""Networks in a real run: the same faces whatever the batches and replicas, and whoever is killed."""

import json
from pathlib import Path

import pytest

from tests.system.running import ROOT, SHARED, Finished, Running, lines_in, run, wait_until

MODELS = SHARED / "models"
FRAMES = 60
pytestmark = pytest.mark.skipif(not MODELS.exists(), reason="the shared weights are missing")


def settings(*more: str) -> list[str]:
    fixed = (
        f"capture.limit={FRAMES}",
        "faces.method=dnn",
        "faces.model=yunet-n",
        "faces.width=320",
        f"faces.model_dir={MODELS}",
        "faces.device=cpu",
        "eyes.method=landmarks",
        "video.preset=ultrafast",
    )
    return [part for setting in (*fixed, *more) for part in ("--set", setting)]


def boxes(out: Path) -> list[list[tuple[str, list[float]]]]:
    lines = [json.loads(line) for line in (out / "faces.jsonl").read_text().splitlines()]
    return [[(found["label"], [*found["box"], found["score"]]) for found in line["detections"]] for line in lines]


def assert_alike(out: Path, expected: Path) -> None:
    ours, theirs = boxes(out), boxes(expected)
    assert len(ours) == len(theirs) == FRAMES
    for one, two in zip(ours, theirs, strict=True):
        assert [label for label, _ in one] == [label for label, _ in two]
        for (_, box), (_, other) in zip(one, two, strict=True):
            assert box == pytest.approx(other, abs=0.05)


def run_faces(out: Path, *more: str) -> Finished:
    return run(ROOT / "configs" / "faces.yaml", out, *settings(*more))


@pytest.fixture(scope="module")
def one_by_one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("one-by-one")
    finished = run_faces(out, "faces.batch.size=1", "faces.replicas=1")
    assert finished.code == 0, finished.stderr
    assert finished.summary is not None
    assert finished.summary.detections["face"] >= 2 * FRAMES
    assert finished.summary.detections["eye"] == 2 * finished.summary.detections["face"]
    return out


@pytest.mark.parametrize("more", [("faces.batch.size=7",), ("faces.batch.size=4", "faces.batch.wait_ms=30")])
def test_batches_and_replicas_do_not_matter(more: tuple[str, ...], one_by_one: Path, tmp_path: Path) -> None:
    finished = run_faces(tmp_path, "faces.replicas=2", *more)
    assert finished.code == 0, finished.stderr
    assert_alike(tmp_path, one_by_one)


def test_a_network_that_is_killed_in_a_batch(one_by_one: Path, tmp_path: Path) -> None:
    running = Running(ROOT / "configs" / "faces.yaml", tmp_path, *settings("faces.batch.size=6"))
    wait_until(lambda: lines_in(tmp_path / "faces.jsonl") >= FRAMES // 4, "a quarter of the frames")
    running.worker("faces#0").kill()
    finished = running.finish()
    assert finished.code == 0, finished.stderr
    assert finished.summary is not None
    assert finished.summary.stages["faces"].restarts == 1
    assert_alike(tmp_path, one_by_one)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("faces.model_dir=/nowhere", "yunet-n: yunet_n_dynamic.onnx could not be downloaded"),
        ("faces.device=cuda", "device cuda was requested, but this onnxruntime offers"),
    ],
)
def test_what_cannot_run_is_said_before_the_first_frame(
    setting: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No network beyond loopback: the download fails at once.
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    finished = run_faces(tmp_path / "out", setting)
    assert finished.code == 1
    last = finished.stderr.strip().splitlines()[-1]
    assert last.startswith("error: faces: ")
    assert message in last
    assert "Traceback" not in finished.stderr
    assert lines_in(tmp_path / "out" / "faces.jsonl") == 0
