"""Real detectors against the postprocessing of their papers, written here in plain numpy, box by box."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from framewire.models.catalogue.coco import COCO_80
from framewire.models.objects.detector import Reading, Wanted
from framewire.models.objects.load_detector import load_detector
from framewire.models.objects.tiles import Tiling
from framewire.models.picture import Picture
from framewire.models.runtime.provider import Execution
from framewire.models.store.model_store import ModelStore
from tests.system.running import SHARED

SCORE, NMS, SIDE = 0.3, 0.5, 416
Row = tuple[float, float, float, float, float, int]
"""Left, top, right, bottom in pixels of the picture, score, class."""


def pictures() -> list[Picture]:
    """Frames of a film with people, the second enlarged so that it must be shrunk, the third cut to another shape."""
    film = SHARED / "videos" / "classroom.mp4"
    if not film.exists():
        pytest.skip("../shared is not here")
    capture = cv2.VideoCapture(str(film))
    first, second, third = (np.asarray(capture.read()[1], np.uint8) for _ in range(3))
    return [first, np.asarray(cv2.resize(second, (1600, 900)), np.uint8), np.ascontiguousarray(third[:, 20:340])]


def yolox(picture: Picture, run: Callable[[NDArray[np.float32]], list[NDArray[np.float32]]]) -> list[Row]:
    ratio = min(SIDE / picture.shape[0], SIDE / picture.shape[1])
    small = cv2.resize(picture, (int(picture.shape[1] * ratio), int(picture.shape[0] * ratio)))
    canvas = np.full((SIDE, SIDE, 3), 114, np.float32)
    canvas[: small.shape[0], : small.shape[1]] = small
    (rows,) = run(canvas.transpose(2, 0, 1)[None])
    index = 0
    found: list[Row] = []
    for stride in (8, 16, 32):
        for y in range(SIDE // stride):
            for x in range(SIDE // stride):
                row = rows[0, index]
                index += 1
                number = int(row[5:].argmax())
                score = float(row[4] * row[5 + number])
                if score < SCORE:
                    continue
                middle_x, middle_y = (row[0] + x) * stride / ratio, (row[1] + y) * stride / ratio
                width, height = np.exp(row[2]) * stride / ratio, np.exp(row[3]) * stride / ratio
                left, top = float(middle_x - width / 2), float(middle_y - height / 2)
                found.append((left, top, float(left + width), float(top + height), score, number))
    return found


def nanodet(picture: Picture, run: Callable[[NDArray[np.float32]], list[NDArray[np.float32]]]) -> list[Row]:
    small = cv2.resize(picture, (SIDE, SIDE)).astype(np.float32)
    planes = (small - (103.53, 116.28, 123.675)) / (57.375, 57.12, 58.395)
    outputs = run(planes.transpose(2, 0, 1)[None].astype(np.float32))
    across, down = picture.shape[1] / SIDE, picture.shape[0] / SIDE
    found: list[Row] = []
    for level, stride in enumerate((8, 16, 32)):
        scores, sides = outputs[level][0], outputs[level + 3][0]
        for cell in range(len(scores)):
            number = int(scores[cell].argmax())
            if scores[cell, number] < SCORE:
                continue
            y, x = divmod(cell, SIDE // stride)
            powers = np.exp(sides[cell].reshape(4, 11).astype(np.float64))
            left, top, right, bottom = (powers / powers.sum(axis=1, keepdims=True)) @ np.arange(11) * stride
            middle_x, middle_y = (x + 0.5) * stride, (y + 0.5) * stride
            left, right = float((middle_x - left) * across), float((middle_x + right) * across)
            top, bottom = float((middle_y - top) * down), float((middle_y + bottom) * down)
            found.append((left, top, right, bottom, float(scores[cell, number]), number))
    return found


def overlap(one: Row, other: Row) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / ((one[2] - one[0]) * (one[3] - one[1]) + (other[2] - other[0]) * (other[3] - other[1]) - shared)


def suppressed(rows: list[Row]) -> list[Row]:
    kept: list[Row] = []
    for row in sorted(rows, key=lambda one: -one[4]):
        if all(other[5] != row[5] or overlap(row, other) <= NMS for other in kept):
            kept.append(row)
    return kept


@pytest.mark.parametrize(
    ("file", "post"), [("yolox_nano.onnx", yolox), ("nanodet_416_coco.onnx", nanodet)], ids=["yolox", "nanodet"]
)
@pytest.mark.parametrize("only", [(), ("person",)])
def test_boxes_and_scores_are_the_same(file: str, post: Callable[..., list[Row]], only: tuple[str, ...]) -> None:
    path = SHARED / "models" / file
    looked_at = pictures()
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (name,) = (one.name for one in session.get_inputs())

    def run(batch: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        return [np.asarray(values) for values in session.run(None, {name: batch})]

    detector = load_detector(
        str(path), Reading(), Wanted(SCORE, NMS, only), Tiling(), ModelStore(Path("nowhere")), Execution("cpu")
    )
    found = detector.find(looked_at)
    for picture, objects in zip(looked_at, found, strict=True):
        rows = [row for row in suppressed(post(picture, run)) if not only or COCO_80[row[5]] in only]
        assert len(objects) == len(rows) >= 4
        for one, row in zip(objects, rows, strict=True):
            x, y, width, height = one.box
            assert one.label == COCO_80[row[5]]
            assert one.score == pytest.approx(row[4], abs=1e-4)
            assert overlap((x, y, x + width, y + height, 0, 0), row) > 0.99
