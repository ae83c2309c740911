"""The same answers as OpenCV itself, on real faces."""

import cv2
import cv2.data
import numpy as np
import pytest

from pipeline.packet import Detection
from pipeline.stage import StageError
from pipeline.testing import StageRunner
from stages.eye_detect import EyeDetect
from stages.face_detect import FaceDetect
from tests.stages.faces import demo_frame, overlap

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
