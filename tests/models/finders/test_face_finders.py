"""Networks match their authors' own code, whatever is in the batch."""

import cv2
import numpy as np
import pytest

from framewire.models.box import overlap
from framewire.models.finders.face_finder import FaceFinder, Thresholds, best_first
from framewire.models.finders.load_face_finder import load_face_finder
from framewire.models.finders.yunet import decode
from framewire.models.picture import Picture
from framewire.models.runtime.provider import Execution
from framewire.models.store.model_store import ModelStore
from tests.stages.faces import demo_frame
from tests.system.running import SHARED

MODELS = SHARED / "models"
THRESHOLDS = Thresholds(0.7, 0.3)
needs_models = pytest.mark.skipif(not MODELS.exists(), reason="the shared weights are not here")


def load(name: str, width: int = 640) -> FaceFinder:
    return load_face_finder(name, THRESHOLDS, width, ModelStore(MODELS), Execution("cpu"))


@pytest.fixture(scope="module")
def pictures() -> list[Picture]:
    return [demo_frame(number) for number in (0, 60, 120, 180, 240, 299)]


@needs_models
@pytest.mark.parametrize(
    ("name", "file", "height"),
    [("yunet", "face_detection_yunet_2023mar.onnx", 640), ("yunet-n", "yunet_n_640_640.onnx", 384)],
)
def test_yunet_agrees_with_opencv(name: str, file: str, height: int, pictures: list[Picture]) -> None:
    size = (640, height)
    reference = cv2.FaceDetectorYN.create(str(MODELS / file), "", size, THRESHOLDS.score, THRESHOLDS.nms, 5000)
    finder, count = load(name), 0
    for picture, faces in zip(pictures, finder.find(pictures), strict=True):
        canvas = np.zeros((height, 640, 3), np.uint8)
        canvas[:360] = cv2.resize(picture, (640, 360))
        _, rows = reference.detect(canvas)
        assert len(rows) == len(faces)
        for row, face in zip(rows, faces, strict=True):
            assert overlap(tuple(2 * row[:4]), face.box) > 0.999
            assert face.score == pytest.approx(row[14], abs=1e-4)
            assert np.allclose(np.array(face.landmarks).ravel(), 2 * row[4:14], atol=0.1)
        count += len(faces)
    assert count >= 2 * len(pictures)


@needs_models
@pytest.mark.parametrize("name", ["ultraface-rfb-320", "ssd-res10"])
def test_the_others_find_the_faces_that_yunet_finds(name: str, pictures: list[Picture]) -> None:
    finder, best = load(name), load("yunet-n")
    found = 0
    for theirs, ours in zip(finder.find(pictures), best.find(pictures), strict=True):
        assert all(max((overlap(face.box, other.box) for other in ours), default=0) > 0.4 for face in theirs)
        found += len(theirs)
    assert found >= len(pictures)


@needs_models
def test_the_ssd_is_the_tutorials_to_the_pixel(pictures: list[Picture]) -> None:
    net = cv2.dnn.readNet(str(MODELS / "opencv_face_detector_uint8.pb"), str(MODELS / "opencv_face_detector.pbtxt"))
    for picture, faces in zip(pictures, load("ssd-res10").find(pictures), strict=True):
        net.setInput(cv2.dnn.blobFromImage(picture, 1.0, (300, 300), [104, 117, 123], True, False))
        height, width = picture.shape[:2]
        expected = []
        for row in net.forward()[0, 0]:
            if row[2] > 0.7:
                x1, y1, x2, y2 = int(row[3] * width), int(row[4] * height), int(row[5] * width), int(row[6] * height)
                expected.append((x1, y1, x2 - x1, y2 - y1))
        assert [face.box for face in faces] == expected


@needs_models
@pytest.mark.parametrize("name", ["yunet", "yunet-n", "ultraface-rfb-320"])
def test_the_batch_does_not_matter(name: str, pictures: list[Picture]) -> None:
    """Pictures of several sizes, in one call and one by one."""
    finder = load(name, 320)
    odd = np.asarray(cv2.resize(pictures[0], (641, 359)), np.uint8)
    mixed = [*pictures, odd, pictures[1][:300, :200], np.zeros((1, 1, 3), np.uint8)]
    together = finder.find(mixed)
    alone = [finder.find([picture])[0] for picture in mixed]
    for one, two in zip(together, alone, strict=True):
        assert len(one) == len(two)
        for face, other in zip(one, two, strict=True):
            assert np.allclose([*face.box, face.score], [*other.box, other.score], atol=1e-3)
    assert together[-1] == []


def test_decoding_is_the_published_formula() -> None:
    """One cell of stride 16 in an input of 64 x 96, done by hand."""
    cells = {8: 8 * 12, 16: 4 * 6, 32: 2 * 3}
    heads = [np.zeros((cells[stride], size), np.float32) for size in (1, 1, 4, 10) for stride in (8, 16, 32)]
    row, column, index = 2, 3, 2 * 6 + 3
    heads[1][index], heads[4][index] = 0.81, 1.0
    heads[7][index] = (0.5, 0.25, np.log(2), np.log(3))
    heads[10][index] = np.arange(10) / 10
    boxes, scores, landmarks = decode(heads, (64, 96), 0.5)
    assert scores == pytest.approx([0.9])
    middle = ((column + 0.5) * 16, (row + 0.25) * 16)
    assert boxes[0] == pytest.approx([middle[0] - 16, middle[1] - 24, 32, 48])
    assert landmarks[0, 1] == pytest.approx([(column + 0.2) * 16, (row + 0.3) * 16])


def test_of_faces_that_overlap_the_best_stays() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 1, 10, 10], [50, 50, 10, 10]], np.float32)
    scores = np.array([0.8, 0.9, 0.75], np.float32)
    assert best_first(boxes, scores, THRESHOLDS).tolist() == [1, 2]
    assert best_first(boxes[:0], scores[:0], THRESHOLDS).tolist() == []
