"""The same answers as OpenCV itself, on real faces."""

import logging
from pathlib import Path

import cv2
import cv2.data
import numpy as np
import pytest

from framewire.models.box import overlap
from framewire.models.finders.haar import can_compile
from framewire.pipeline.frame.packet import Detection
from framewire.pipeline.stage import StageError
from framewire.pipeline.testing import StageRunner
from framewire.stages.eye_detect import EyeDetect
from framewire.stages.face_detect import DNN_BATCH, MANY, OPENCV_ALONE, QUICKER, FaceDetect, FaceDetectOptions
from tests.stages.faces import demo_frame
from tests.system.running import SHARED

FACES = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml")
EYES = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_eye.xml")


@pytest.mark.parametrize("number", [0, 90, 200])
def test_the_tutorials_boxes(number: int) -> None:
    picture = demo_frame(number)
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    faces = [tuple(map(int, box)) for box in FACES.detectMultiScale(grey, 1.2, 3, minSize=(32, 32))]
    eyes = [
        (x + ex, y + ey, ew, eh)
        for x, y, w, h in faces
        for ex, ey, ew, eh in EYES.detectMultiScale(grey[y : y + h, x : x + w])
    ]
    assert faces
    assert eyes
    with StageRunner(FaceDetect) as finder, StageRunner(EyeDetect) as looker:
        found = looker.process(finder.process(finder.packet(picture)))
    # The order may differ with the number of OpenCV's threads.
    assert sorted(face.box for face in found.labelled("face")) == sorted(faces)
    assert sorted(eye.box for eye in found.labelled("eye")) == sorted(eyes)
    ids = {face.id for face in found.labelled("face")}
    assert all(eye.parent in ids for eye in found.labelled("eye"))


def test_a_smaller_copy_finds_the_same_faces_in_frame_pixels() -> None:
    picture = demo_frame(90)
    with (
        StageRunner(FaceDetect, {"min_size": 80, "min_neighbors": 6}) as whole,
        StageRunner(FaceDetect, {"width": 640, "min_size": 80, "min_neighbors": 6}) as small,
    ):
        exact = whole.process(whole.packet(picture)).detections
        mapped = small.process(small.packet(picture)).detections
    assert exact
    for face in exact:
        best = max(overlap(face.box, other.box) for other in mapped)
        assert best > 0.7


def test_what_opencv_alone_can_search_for_is_told() -> None:
    """With the right cure: Numba, where it is missing, and none for a cascade of trees."""
    with StageRunner(FaceDetect, {"cascade": "frontalface_alt2"}) as runner:
        told = runner.stage.context.facts["frontalface_alt2"]
    assert told == f"searched by OpenCV; {OPENCV_ALONE if can_compile() else QUICKER}"


def test_auto_is_haar_where_the_network_is_not_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No server is asked, and it says so."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    auto = {"method": "auto", "model_dir": str(tmp_path)}
    picture = demo_frame(90)
    with StageRunner(FaceDetect) as haar, StageRunner(FaceDetect, auto) as runner, StageRunner(EyeDetect) as eyes:
        found = runner.process(runner.packet(picture))
        assert found.detections == haar.process(haar.packet(picture)).detections
        because = {"haar": "because yunet cannot run here; `models pull yunet` gets it"}
        assert runner.stage.context.facts == haar.stage.context.facts | because
        with StageRunner(EyeDetect, {"method": "auto"}) as auto_eyes:
            assert auto_eyes.process(found).detections == eyes.process(found).detections


NEEDS_WEIGHTS = pytest.mark.skipif(not (SHARED / "models").exists(), reason="the shared weights are missing")


@NEEDS_WEIGHTS
def test_auto_stays_what_it_was_when_the_run_began() -> None:
    runner = StageRunner(FaceDetect, {"method": "auto", "model_dir": str(SHARED / "models"), "device": "cpu"})
    runner.context.chosen["method"] = "haar"
    with runner:
        faces = list(runner.process(runner.packet(demo_frame(90))).labelled("face"))
        assert runner.context.facts["haar"] == "because this run began with it"
    assert faces
    assert all(face.score is None for face in faces)


@NEEDS_WEIGHTS
def test_auto_is_the_network_where_it_is_here() -> None:
    auto = {"method": "auto", "model_dir": str(SHARED / "models"), "device": "cpu"}
    with StageRunner(FaceDetect, auto) as runner, StageRunner(EyeDetect, {"method": "auto"}) as eyes:
        found = runner.process(runner.packet(demo_frame(90)))
        seen = eyes.process(found)
        assert runner.stage.context.facts["yunet"].startswith("runs on CPUExecutionProvider")
    assert all(len(face.landmarks) == 5 for face in found.labelled("face"))
    assert len(seen.labelled("eye")) == 2 * len(found.labelled("face")) > 0
    assert FaceDetect.batch_size(FaceDetectOptions(method="auto", model_dir=str(SHARED / "models"))) == DNN_BATCH
    assert FaceDetect.batch_size(FaceDetectOptions()) == 1


@pytest.mark.parametrize(("width", "height"), [(1, 1), (641, 359), (20, 20), (33, 1)])
def test_any_size(width: int, height: int) -> None:
    picture = np.full((height, width, 3), 128, np.uint8)
    for options in ({}, {"width": 16}):
        with StageRunner(FaceDetect, options) as runner:
            assert runner.process(runner.packet(picture)).detections == ()


def test_faces_that_reach_beyond_the_picture_do_no_harm() -> None:
    picture = demo_frame(0)
    with StageRunner(EyeDetect) as runner:
        packet = runner.packet(picture).plus(
            [
                Detection(label="face", box=(-50, -50, 200, 200), id="a"),
                Detection(label="face", box=(1270, 700, 200, 200), id="b"),
                Detection(label="face", box=(2000, 2000, 10, 10), id="c"),
            ]
        )
        found = runner.process(packet)
    for eye in found.labelled("eye"):
        assert 0 <= eye.box[0] <= 1280 - eye.box[2]
        assert 0 <= eye.box[1] <= 720 - eye.box[3]


@pytest.mark.parametrize("cascade", ["no_such_cascade", __file__])
def test_a_wrong_cascade_is_said(cascade: str) -> None:
    with pytest.raises(StageError, match="cascade"), StageRunner(FaceDetect, {"cascade": cascade}):
        pass


def test_each_third_frame_is_searched_and_the_others_say_so() -> None:
    picture = demo_frame(90)
    with StageRunner(FaceDetect, {"detect_every": 3}) as runner:
        answers = [runner.process(runner.packet(picture)) for _ in range(7)]
        together = runner.stage.process_batch([runner.packet(picture, seq) for seq in range(7)])
    assert [bool(answer.detections) for answer in answers] == [True, False, False, True, False, False, True]
    assert [answer.unsearched for answer in answers[:2]] == [(), ("face",)]
    assert [answer.unsearched for answer in together] == [answer.unsearched for answer in answers]


def test_nothing_found_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """A wrong size looks like an empty room."""
    with caplog.at_level(logging.INFO, "framewire"), StageRunner(FaceDetect, {"method": "haar"}) as runner:
        for _ in range(MANY):
            runner.process(runner.packet(np.zeros((48, 64, 3), np.uint8)))
        assert "no face in" not in caplog.text
    assert f"no face in {MANY} frames" in caplog.text


@pytest.mark.skipif(not (SHARED / "models").exists(), reason="the shared weights are missing")
def test_a_network_finds_small_faces_unless_told_otherwise(caplog: pytest.LogCaptureFixture) -> None:
    small = np.asarray(cv2.resize(demo_frame(90), None, fx=0.2, fy=0.2, interpolation=cv2.INTER_AREA), np.uint8)
    network = {"method": "dnn", "model_dir": str(SHARED / "models"), "device": "cpu"}
    with StageRunner(FaceDetect, network) as all_sizes, StageRunner(FaceDetect, {**network, "min_size": 200}) as large:
        found = all_sizes.process(all_sizes.packet(small)).labelled("face")
        assert found
        with caplog.at_level(logging.WARNING, "framewire"):
            for _ in range(MANY):
                assert not large.process(large.packet(small)).labelled("face")
    (text,) = [message for message in caplog.messages if "min_size" in message]
    assert "were smaller than min_size (200 pixels) and are left out; lower it to keep them" in text
