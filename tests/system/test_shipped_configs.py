"""Every file in configs/ runs on the built-in demo, without a network: nothing is downloaded, nothing is required."""

import json
from pathlib import Path

import pytest

from framewire.pipeline.graph import load_pipeline
from tests.system.running import ROOT, SHARED, run

FRAMES = 12
NEED_A_MODEL = {"traffic"}
"""Nothing that needs no download finds a car."""
CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No server beyond loopback, and none of the models that were pulled before."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("FRAMEWIRE_MODELS", raising=False)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_it_runs(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stages = load_pipeline(config).stages
    sources = [stage.name for stage in stages if stage.kind == "source"]
    settings = [f"{source}.{setting}" for source in sources for setting in ("source=demo", f"limit={FRAMES}")]
    # There is no broker: the messages wait.
    settings += [f"{stage.name}.flush_s=0" for stage in stages if stage.use == "publish"]
    if config.stem in NEED_A_MODEL:
        finished = run(config, tmp_path, *(part for setting in settings for part in ("--set", setting)))
        assert finished.code == 1
        assert "could not be downloaded" in finished.stderr
        if not SHARED.exists():
            return
        monkeypatch.setenv("FRAMEWIRE_MODELS", str(SHARED / "models"))
    finished = run(config, tmp_path, *(part for setting in settings for part in ("--set", setting)))
    assert finished.code == 0, finished.stderr
    assert finished.summary is not None
    assert finished.summary.frames.admitted == finished.summary.frames.written == FRAMES * len(sources)
    assert list(tmp_path.glob("*.jsonl"))
    # No library keeps a number of this machine, or what it is going to tell its makers.
    assert {path.name for path in (tmp_path / "cache").glob("*")} <= {"framewire"}
    if any(stage.use == "face_detect" for stage in stages):
        assert finished.summary.detections["face"] >= FRAMES


def test_the_demo_says_age_gender_and_emotion(tmp_path: Path) -> None:
    finished = run(ROOT / "configs" / "demo.yaml", tmp_path, "--set", f"capture.limit={FRAMES}")
    assert finished.code == 0, finished.stderr
    lines = [json.loads(line) for line in (tmp_path / "demo.jsonl").read_text().splitlines()]
    faces = [found for line in lines for found in line["detections"] if found["label"] == "face"]
    assert faces
    assert all(set(face["attributes"]) == {"age", "gender", "emotion"} for face in faces)
    # Haar's boxes are cut as the net's training pictures were: it does not change its mind from frame to frame.
    astronaut = [face["attributes"]["gender"]["label"] for face in faces if face.get("track") == 1]
    assert set(astronaut) == {"female"}
    # The smiling portrait is seen as happy, whatever else is wrong.
    assert sum(face["attributes"]["emotion"]["label"] == "happy" for face in faces) >= len(faces) // 4


def test_it_says_what_it_could_not_take(tmp_path: Path) -> None:
    finished = run(ROOT / "configs" / "tutorial-age-gender.yaml", tmp_path, "--set", "capture.limit=3")
    assert finished.code == 0, finished.stderr
    assert finished.summary is not None
    facts = finished.summary.stages["people"].facts
    assert facts["levi-hassner-age"] == "is not on this machine: framewire-age-gender stands in"
    assert finished.summary.stages["faces"].facts["haar"].startswith("because ssd-res10 cannot run here")
    assert "people: levi-hassner-age is not on this machine" in finished.stdout
