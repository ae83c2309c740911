"""Detections, cropped and named by their frames."""

from pathlib import Path
from typing import Any

import cv2
import msgspec
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


def test_an_earlier_runs_pictures_count_and_the_oldest_of_all_go(tmp_path: Path) -> None:
    write(tmp_path, {"path": "{seq}.png"}, [face(0)], [face(0)])
    names = write(tmp_path, {"path": "{seq}.png", "keep": 3, "existing": "number"}, [face(0)], [face(0)])
    assert names == ["0-run2.png", "1-run2.png", "1.png"]


def test_an_earlier_runs_pictures_are_numbered_kept_out_of_or_replaced(tmp_path: Path) -> None:
    options = {"path": "{seq}.png"}
    write(tmp_path, options, [face(0)])
    with (
        pytest.raises(StageError, match="exists, and `existing` is refuse"),
        StageRunner(ImageWriter, {**options, "existing": "refuse"}, tmp_path),
    ):
        pass
    assert write(tmp_path, options, [face(0)]) == ["0.png"]
    assert write(tmp_path, {**options, "existing": "number"}, [face(0)]) == ["0-run2.png", "0.png"]
    assert write(tmp_path, {**options, "existing": "number"}, [face(0)]) == ["0-run2.png", "0-run3.png", "0.png"]


def test_a_live_stream_replaces_no_picture_of_an_earlier_run(tmp_path: Path) -> None:
    write(tmp_path, {"path": "{seq}.png"}, [face(0)])
    with StageRunner(ImageWriter, {"path": "{seq}.png"}, tmp_path) as runner:
        runner.write(msgspec.structs.replace(runner.packet(PICTURE).plus([face(0)]), live=True))
        after_a_crash = StageRunner(ImageWriter, {"path": "{seq}.png"}, tmp_path, resumed=True)
        after_a_crash.context.chosen.update(runner.context.chosen)
        with after_a_crash:
            after_a_crash.write(msgspec.structs.replace(runner.packet(PICTURE, 0).plus([face(0)]), live=True))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0-run2.png", "0.png"]


@pytest.mark.parametrize("label", ["../../face", "..", "/etc/passwd", "face\0", "x" * 300])
def test_no_label_leads_out_of_the_folder(label: str, tmp_path: Path) -> None:
    found = Detection(label=label, box=(40, 30, 20, 20), id="faces.0")
    (name,) = write(tmp_path / "out", {"path": "faces/{label}/{seq}.png", "of": label}, [found])
    assert name.startswith("faces/")
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]


def test_what_a_killed_run_has_left_of_a_picture_goes(tmp_path: Path) -> None:
    (tmp_path / ".3.png.new").write_bytes(b"torn")
    (tmp_path / ".other.txt.new").write_bytes(b"not ours")
    assert write(tmp_path, {"path": "{seq}.png"}, [face(0)]) == [".other.txt.new", "0.png"]


def test_pictures_outside_of_the_output_folder(tmp_path: Path) -> None:
    out, options = tmp_path / "out", {"path": f"{tmp_path}/faces/{{stream}}/{{seq}}.png", "existing": "number"}
    write(out, options, [face(0)])
    write(out, options, [face(0)])
    names = sorted(path.name for path in (tmp_path / "faces" / "stream").iterdir())
    assert names == ["0-run2.png", "0.png"]
