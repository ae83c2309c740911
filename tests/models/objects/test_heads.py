"""Every head reads what models of its family give, made from known boxes; unknown outputs are refused in words."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from framewire.models.objects.detector import Detector, Reading, Wanted
from framewire.models.objects.found import Found
from framewire.models.objects.tiles import Tiling
from framewire.models.runtime.network import ModelError
from framewire.models.runtime.onnx_session import OnnxSession
from framewire.models.runtime.provider import Execution
from tests.models.objects import detector_nets as nets
from tests.models.objects.detector_nets import LABELS, ONCE, SIDE, write_answers

ALL = Wanted(0.2, 0.5)
WIDE = np.zeros((360, 640, 3), np.uint8)
"""Half as large in the input, with 70 free rows above and below, or 140 below."""


def detector(path: Path, wanted: Wanted = ALL, tiling: Tiling | None = None, **reading: Any) -> Detector:
    session = OnnxSession(path, Execution("cpu"), takes_size=True)
    return Detector(session, Reading(**{"labels": LABELS, **reading}), wanted, tiling or Tiling())


def expected(fitting: str) -> list[tuple[str, tuple[float, float, float, float], float]]:
    """The things in pixels of WIDE, best first."""
    across, down = (2.0, 360 / SIDE) if fitting == "stretch" else (2.0, 2.0)
    free = 70 if fitting == "centre" else 0
    told = []
    for thing in sorted(ONCE, key=lambda one: -one.score):
        left, top, right, bottom = thing.corners
        box = (left * across, (top - free) * down, (right - left) * across, (bottom - top) * down)
        told.append((LABELS[thing.number], box, thing.score))
    return told


def check(found: list[Found], fitting: str, within: float = 0.01) -> None:
    wanted = expected(fitting)
    assert [one.label for one in found] == [label for label, _, _ in wanted]
    for one, (_, box, score) in zip(found, wanted, strict=True):
        assert one.box == pytest.approx(box, abs=within)
        assert one.score == pytest.approx(score, abs=1e-4)


@pytest.mark.parametrize(
    ("answers", "head", "fitting"),
    [
        (nets.v8, "yolo", "centre"),
        (nets.v5, "yolo", "centre"),
        (lambda: nets.v5(raw=True), "yolo", "centre"),
        (nets.yolox, "yolox", "corner"),
        (nets.nanodet, "nanodet", "stretch"),
        (lambda: nets.nanodet(bins=8), "nanodet", "stretch"),
        (nets.detr, "detr", "stretch"),
        (lambda: nets.detr(("dets", "labels")), "detr", "stretch"),
        (nets.boxes, "boxes", "stretch"),
        (nets.tensorflow, "ssd", "stretch"),
        (nets.v10, "rows", "centre"),
        (nets.v7, "rows", "centre"),
    ],
)
def test_known_boxes_come_back(tmp_path: Path, answers: Callable[[], Any], head: str, fitting: str) -> None:
    found = detector(write_answers(tmp_path / "model.onnx", answers()))
    assert found.head == head
    check(found.find([WIDE])[0], fitting)


HEADS = (nets.v8, nets.v5, nets.yolox, nets.nanodet, nets.detr, nets.boxes, nets.tensorflow, nets.v10, nets.v7)


@pytest.mark.parametrize("answers", HEADS)
def test_pictures_with_nothing_in_them(tmp_path: Path, answers: Callable[[], Any]) -> None:
    path = write_answers(tmp_path / "model.onnx", answers())
    assert detector(path, Wanted(0.99, 0.5)).find([WIDE, WIDE]) == [[], []]


def test_a_model_that_scales_its_boxes_is_given_the_size_of_its_input(tmp_path: Path) -> None:
    found = detector(write_answers(tmp_path / "model.onnx", nets.d_fine(), scaled="boxes"))
    assert found.head == "ssd"
    check(found.find([WIDE])[0], "stretch")


def test_a_batch_of_pictures_of_any_size(tmp_path: Path) -> None:
    found = detector(write_answers(tmp_path / "model.onnx", nets.v8(), batch="n"))
    tall = np.zeros((SIDE, 100, 3), np.uint8)
    first, second, third = found.find([WIDE, tall, WIDE])
    check(first, "centre")
    check(third, "centre")
    assert second[0].box == pytest.approx((40 - 110, 100, 60, 120), abs=0.01)


def test_labels_that_stand_in_the_file_are_taken(tmp_path: Path) -> None:
    names = "{0: 'person', 1: 'car', 2: 'dog'}"
    path = write_answers(tmp_path / "model.onnx", nets.v8(), metadata={"names": names, "task": "detect"})
    found = detector(path, labels=())
    assert found.labels == LABELS
    assert not found.guesses_labels
    check(found.find([WIDE])[0], "centre")


def test_what_stands_behind_the_classes_of_masks_is_left_out(tmp_path: Path) -> None:
    rows = nets.v8()["output0"]
    more = np.concatenate([rows, np.full((1, 32, rows.shape[2]), 0.9, np.float32)], axis=1)
    answers = {"output0": more, "output1": np.zeros((1, 32, 8, 8), np.float32)}
    check(detector(write_answers(tmp_path / "model.onnx", answers)).find([WIDE])[0], "centre")


def test_only_some_labels(tmp_path: Path) -> None:
    path = write_answers(tmp_path / "model.onnx", nets.v8())
    (found,) = detector(path, Wanted(0.2, 0.5, ("car", "dog"))).find([WIDE])
    assert [one.label for one in found] == ["car", "dog"]


def test_what_is_said_of_a_model_goes_before_what_its_head_has(tmp_path: Path) -> None:
    path = write_answers(tmp_path / "model.onnx", nets.v8())
    check(detector(path, fitting="corner").find([WIDE])[0], "corner")


@pytest.mark.parametrize(
    ("answers", "reading", "error"),
    [
        (nets.v8, {"labels": ()}, "it has 3 classes, and nobody says what they are; set `labels`"),
        (nets.v10, {"labels": ()}, "it has classes, and nobody says what they are; set `labels`"),
        (nets.v8, {"labels": ("a", "b")}, r"its outputs are output0 \(1, 7, 2100\), of no head that is known for 2"),
        (nets.v8, {"head": "nanodet"}, r"its outputs are output0 .*; `head: nanodet` reads \(n, cells, classes\)"),
        (lambda: {"y": np.zeros((1, 1000), np.float32)}, {}, "of no head that is known"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path: Path, answers: Callable[[], Any], reading: Any, error: str) -> None:
    with pytest.raises(ModelError, match=error):
        detector(write_answers(tmp_path / "model.onnx", answers()), **reading)


def test_rotated_boxes_are_refused(tmp_path: Path) -> None:
    rows = nets.v8()["output0"]
    turned = np.concatenate([rows, np.zeros((1, 1, rows.shape[2]), np.float32)], axis=1)
    path = write_answers(tmp_path / "model.onnx", {"output0": turned}, metadata={"task": "obb"})
    with pytest.raises(ModelError, match="of no head that is known"):
        detector(path)


def test_numbers_that_are_none_are_left_out(tmp_path: Path) -> None:
    answers = nets.v10()
    answers["output0"][0, 0, :4] = (np.inf, 0, 5, 5)
    answers["output0"][0, 1, 2] = 0
    found = detector(
        write_answers(tmp_path / "model.onnx", {"output0": np.nan_to_num(answers["output0"], posinf=3e38)})
    )
    assert len(found.find([WIDE])[0]) == 2
