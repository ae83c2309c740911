"""`evaluate` as a user runs it: a table, a picture, figures as JSON, and clear errors for unreadable data."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from framewire.models.finders.haar_finder import HaarFinder
from tests.stages.faces import demo_frame
from tests.system.running import framewire

CLASSES = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]


@pytest.fixture
def face() -> np.ndarray:
    """The smiling portrait of the demo, with a margin around the face."""
    picture = demo_frame(0)
    (found,) = HaarFinder(min_neighbors=6, min_size=100).find([picture])
    x, y, width, height = (round(side) for side in min(found, key=lambda face: face.box[0]).box)
    around = width // 3
    return np.asarray(picture[y - around : y + height + around, x - around : x + width + around], np.uint8)


def test_emotion_on_an_npz(face: np.ndarray, tmp_path: Path) -> None:
    grey = cv2.resize(cv2.cvtColor(face, cv2.COLOR_BGR2GRAY), (48, 48))
    images = np.stack([grey, np.zeros((48, 48), np.uint8)])
    np.savez(tmp_path / "data.npz", images=images, labels=[3, 6], classes=CLASSES)
    figures, out = tmp_path / "figures.json", tmp_path / "pictures"
    done = framewire(
        "evaluate", "emotion", "--data", str(tmp_path / "data.npz"), "--json", str(figures), "--pictures", str(out)
    )
    assert done.code == 0, done.stderr
    told = json.loads(figures.read_text())
    assert told["count"] == 2
    assert {"accuracy", "per_class", "confusion"} <= set(told)
    assert np.array(told["confusion"]).shape == (7, 7)
    assert list(told["per_class"]) == CLASSES
    assert "accuracy" in done.stdout
    assert (out / "framewire-emotion-on-data.png").stat().st_size > 1000


def test_age_and_gender_on_a_folder_found_by_haar_first(face: np.ndarray, tmp_path: Path) -> None:
    data = tmp_path / "people"
    data.mkdir()
    for name in ("38_1_0_a.png", "38_1_4_b.png"):
        assert cv2.imwrite(str(data / name), face)
    figures = tmp_path / "figures.json"
    done = framewire(
        "evaluate", "age-gender", "--data", str(data), "--detector", "haar",
        "--json", str(figures), "--pictures", str(tmp_path),
    )  # fmt: skip
    assert done.code == 0, done.stderr
    told = json.loads(figures.read_text())
    assert (told["count"], told["missed"]) == (2, 0)
    assert {"age_mae", "age_range_exact", "age_range_within_one", "gender_accuracy", "gender_accuracy_13_plus"} <= set(
        told
    )
    assert told["age_mae"] < 25


def test_a_stage_that_finds_faces(tmp_path: Path) -> None:
    data = tmp_path / "frames"
    data.mkdir()
    assert cv2.imwrite(str(data / "one.png"), demo_frame(60))
    done = framewire("evaluate", "face_detect", "--data", str(data), "--pictures", str(tmp_path))
    assert done.code == 1
    assert "boxes.csv" in done.stderr
    (data / "boxes.csv").write_text("picture,x,y,width,height\none.png,0,0,1,1\n")
    done = framewire("evaluate", "face_detect", "--data", str(data), "--pictures", str(tmp_path))
    assert done.code == 0, done.stderr
    assert "recall" in done.stdout
    assert (tmp_path / "haar-on-frames.png").exists()


@pytest.mark.parametrize(
    ("model", "code", "message"),
    [
        ("nobody", 2, "unknown model 'nobody'"),
        ("emotion", 2, "it has no pictures in folders named for their classes"),
        ("age-gender", 2, "framewire-age-gender predicts 2 attributes"),
    ],
)
def test_what_cannot_be_measured_is_said(model: str, code: int, message: str, tmp_path: Path) -> None:
    assert cv2.imwrite(str(tmp_path / "one.png"), np.zeros((9, 9, 3), np.uint8))
    done = framewire("evaluate", model, "--data", str(tmp_path), "--pictures", str(tmp_path))
    assert done.code == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr
