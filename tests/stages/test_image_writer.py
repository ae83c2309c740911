"""Detections, cropped and named by their frames."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from framewire.pipeline.frame.packet import Attribute, Detection
from framewire.pipeline.stage import StageError
from framewire.pipeline.testing import StageRunner
from framewire.stages.image_writer import ImageWriter

PICTURE = np.random.default_rng(0).integers(0, 256, (100, 120, 3), np.uint8)


def face(number: int, x: float = 40, mood: str = "happy", size: float = 20) -> Detection:
    return Detection(
        label="face", box=(x, 30, size, size), id=f"faces.{number}", attributes={"emotion": Attribute(mood, 0.9)}
    )


def write(out: Path, options: dict[str, Any], *frames: list[Detection]) -> list[str]:
    with StageRunner(ImageWriter, options, out) as runner:
        for seq, found in enumerate(frames):
            assert runner.write(runner.packet(PICTURE).plus(found)) == seq + 1
    return sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())


def test_each_face_is_a_file_with_something_around_it(tmp_path: Path) -> None:
    names = write(
        tmp_path, {"path": "{stream}-{seq:03d}-{id}.png", "margin": 0.5}, [face(0), face(1, 80)], [], [face(0)]
    )
    assert names == ["stream-000-faces.0.png", "stream-000-faces.1.png", "stream-002-faces.0.png"]
    cut = cv2.imread(str(tmp_path / names[0]))
    assert cut is not None
    assert (cut == PICTURE[20:60, 30:70]).all()


def test_only_what_fits(tmp_path: Path) -> None:
    options = {"path": "{id}.jpg", "where": {"emotion": "happy"}, "min_size": 15}
    found = [face(0), face(1, mood="sad"), face(2, size=9), Detection(label="eye", box=(1, 1, 30, 30), id="eyes.0")]
    assert write(tmp_path, options, found) == ["faces.0.jpg"]


def test_whole_frames_now_and_then(tmp_path: Path) -> None:
    names = write(tmp_path, {"path": "{seq}.png", "of": "frame", "every": 2}, [], [], [], [])
    assert names == ["0.png", "2.png"]
    written = cv2.imread(str(tmp_path / "2.png"))
    assert written is not None
    assert (written == PICTURE).all()


def test_whole_frames_in_which_somebody_smiles(tmp_path: Path) -> None:
    options = {"path": "{seq}.png", "of": "frame", "where": {"emotion": "happy"}}
    assert write(tmp_path, options, [face(0, mood="sad")], [face(0, mood="sad"), face(1)]) == ["1.png"]


def test_the_oldest_go_where_there_is_a_limit(tmp_path: Path) -> None:
    names = write(tmp_path, {"path": "{seq}.png", "keep": 2}, [face(0)], [face(0)], [face(0)])
    assert names == ["1.png", "2.png"]


def test_a_face_outside_the_picture_is_no_file(tmp_path: Path) -> None:
    assert write(tmp_path, {}, [face(0, x=500)]) == []


@pytest.mark.parametrize(
    ("path", "message"),
    [("{name}.jpg", "cannot be filled in"), ("{seq", "cannot be filled in"), ("{seq}.doc", "is invalid; use")],
)
def test_paths_that_cannot_be(path: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(StageError, match=message), StageRunner(ImageWriter, {"path": path}, tmp_path):
        pass
