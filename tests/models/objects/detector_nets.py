"""Networks that answer any picture with given numbers, and the numbers that each family would give for known boxes."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from msgspec import Struct
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

SIDE = 320
LABELS = ("person", "car", "dog")


class Thing(Struct, frozen=True):
    """An object in the input: left, top, right, bottom in its pixels, its class and score."""

    corners: tuple[float, float, float, float]
    number: int
    score: float


THINGS = (
    Thing((40.0, 100.0, 100.0, 220.0), 0, 0.9),
    # A worse box of the same person, a car in the same place, and a second person beside it.
    Thing((44.0, 104.0, 102.0, 224.0), 0, 0.7),
    Thing((40.0, 100.0, 100.0, 220.0), 1, 0.6),
    Thing((200.0, 96.0, 250.0, 180.0), 0, 0.8),
    Thing((120.0, 230.0, 300.0, 245.0), 2, 0.3),
)
ONCE = [thing for number, thing in enumerate(THINGS) if number != 1]
"""Without the worse box."""
GRIDS = [(stride, SIDE // stride) for stride in (8, 16, 32)]
CELLS = sum(side * side for _, side in GRIDS)


def write_answers(
    path: Path,
    answers: Mapping[str, NDArray[np.float32] | NDArray[np.int64]],
    batch: int | str = 1,
    metadata: Mapping[str, str] | None = None,
    scaled: str = "",
) -> Path:
    """A network whose outputs are `answers`, (1, ...), for each picture, (batch, 3, SIDE, SIDE).

    The output `scaled` is multiplied by a second input, the width and height of each picture.
    """
    nodes = [helper.make_node("ReduceMean", ["x"], ["mean"], axes=[1, 2, 3], keepdims=0)]
    nodes.append(helper.make_node("Mul", ["mean", "none"], ["nothing"]))
    constants = [numpy_helper.from_array(np.array(0, np.float32), "none")]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 3, SIDE, SIDE])]
    if scaled:
        inputs.append(helper.make_tensor_value_info("orig_target_sizes", TensorProto.INT64, [batch, 2]))
        nodes.append(helper.make_node("Concat", ["orig_target_sizes"] * 2, ["four"], axis=1))
        nodes.append(helper.make_node("Cast", ["four"], ["sides"], to=TensorProto.FLOAT))
        nodes.append(helper.make_node("Unsqueeze", ["sides", "one"], ["sizes"]))
        constants.append(numpy_helper.from_array(np.array([1], np.int64), "one"))
    outputs = []
    for name, values in answers.items():
        is_whole = values.dtype == np.int64
        kind = TensorProto.INT64 if is_whole else TensorProto.FLOAT
        constants.append(numpy_helper.from_array(values, f"{name}-is"))
        nodes.append(helper.make_node("Cast", ["nothing"], [f"{name}-flat"], to=kind))
        shape = np.array([-1, *[1] * (values.ndim - 1)], np.int64)
        constants.append(numpy_helper.from_array(shape, f"{name}-shape"))
        nodes.append(helper.make_node("Reshape", [f"{name}-flat", f"{name}-shape"], [f"{name}-null"]))
        last = f"{name}-unscaled" if name == scaled else name
        nodes.append(helper.make_node("Add", [f"{name}-is", f"{name}-null"], [last]))
        if name == scaled:
            nodes.append(helper.make_node("Mul", [last, "sizes"], [name]))
        outputs.append(helper.make_tensor_value_info(name, kind, [batch, *values.shape[1:]]))
    model = helper.make_model(
        helper.make_graph(nodes, "answers", inputs, outputs, constants), opset_imports=[helper.make_opsetid("", 13)]
    )
    model.ir_version = 8
    for key, value in (metadata or {}).items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    onnx.save(model, str(path))
    return path


def filler(count: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Corners (n, 4) all over the input, and scores (n, classes) that are too low."""
    noise = np.random.default_rng(1)
    middles, sizes = noise.uniform(0, SIDE, (count, 2)), noise.uniform(4, 120, (count, 2))
    corners = np.concatenate([middles - sizes / 2, middles + sizes / 2], axis=1)
    return corners.astype(np.float32), noise.uniform(0.001, 0.05, (count, len(LABELS))).astype(np.float32)


def boxes_and_scores(count: int, things: Sequence[Thing] = THINGS) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The same with these things among them."""
    corners, scores = filler(count)
    for row, thing in enumerate(things):
        corners[row * 7] = thing.corners
        scores[row * 7, thing.number] = thing.score
    return corners, scores


def centred(corners: NDArray[np.float32]) -> NDArray[np.float32]:
    """x, y of the middle, width, height."""
    return np.concatenate([(corners[:, :2] + corners[:, 2:]) / 2, corners[:, 2:] - corners[:, :2]], axis=1)


def logits(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """What a sigmoid makes probabilities of."""
    return np.asarray(np.log(probabilities / (1 - probabilities)), np.float32)


def v8() -> dict[str, NDArray[np.float32]]:
    """(1, 4 + classes, boxes)."""
    corners, scores = boxes_and_scores(CELLS)
    return {"output0": np.concatenate([centred(corners), scores], axis=1).T[None]}


def v5(raw: bool = False) -> dict[str, NDArray[np.float32]]:
    """(1, 3 * cells, 5 + classes), with an objectness."""
    corners, scores = boxes_and_scores(3 * CELLS)
    sure = np.full((len(corners), 1), 0.95, np.float32)
    rest = np.concatenate([sure, scores / sure], axis=1)
    return {"output": np.concatenate([centred(corners), logits(rest) if raw else rest], axis=1)[None]}


def cell_of(x: float, y: float, level: int) -> int:
    """The row of a point's cell in a grid, among those of all grids."""
    stride, side = GRIDS[level]
    before = sum(other * other for _, other in GRIDS[:level])
    return before + int(y // stride) * side + int(x // stride)


def yolox() -> dict[str, NDArray[np.float32]]:
    """(1, cells, 5 + classes) in units of the grids."""
    noise = np.random.default_rng(1)
    rows = np.concatenate(
        [noise.uniform(-1, 2, (CELLS, 2)), noise.normal(0, 0.5, (CELLS, 2)), np.full((CELLS, 4), 0.05)], axis=1
    )
    for number, thing in enumerate(THINGS):
        left, top, right, bottom = thing.corners
        x, y = (left + right) / 2, (top + bottom) / 2
        level = number % 3
        stride = GRIDS[level][0]
        row = rows[cell_of(x, y, level)]
        row[:4] = (
            x / stride - x // stride,
            y / stride - y // stride,
            *np.log([(right - left) / stride, (bottom - top) / stride]),
        )
        row[4:] = 0.05
        row[4], row[5 + thing.number] = 0.95, thing.score / 0.95
    return {"output": rows.astype(np.float32)[None]}


def nanodet(bins: int = 11) -> dict[str, NDArray[np.float32]]:
    """(1, cells, classes) and (1, cells, 4 * bins) for each grid."""
    noise = np.random.default_rng(1)
    scores = noise.uniform(0.001, 0.05, (CELLS, len(LABELS)))
    sides = noise.normal(0, 2, (CELLS, 4, bins))
    for number, thing in enumerate(THINGS):
        left, top, right, bottom = thing.corners
        # No two things in one cell, which has one box.
        x, y = (left + right) / 2 + 16 * (number == 1), 32 * (number == 2) + (top + bottom) / 2
        farthest = max(x - left, right - x, y - top, bottom - y)
        level = next(level for level, (stride, _) in enumerate(GRIDS) if farthest < stride * (bins - 2))
        row, stride = cell_of(x, y, level), GRIDS[level][0]
        middle_x, middle_y = (x // stride + 0.5) * stride, (y // stride + 0.5) * stride
        scores[row, thing.number] = thing.score
        for side, distance in enumerate((middle_x - left, middle_y - top, right - middle_x, bottom - middle_y)):
            whole, part = divmod(distance / stride, 1)
            sides[row, side] = np.log(1e-12)
            sides[row, side, int(whole)] = np.log(1 - part)
            sides[row, side, int(whole) + 1] = np.log(part + 1e-12)
    flat = sides.reshape(CELLS, -1)
    answers, start = {}, 0
    for level, (_, side) in enumerate(GRIDS):
        end = start + side * side
        answers[f"scores{level}"] = scores[start:end].astype(np.float32)[None]
        answers[f"sides{level}"] = flat[start:end].astype(np.float32)[None]
        start = end
    return answers


def detr(names: Sequence[str] = ("pred_boxes", "logits")) -> dict[str, NDArray[np.float32]]:
    """(1, 300, 4), middles and sizes as shares, and (1, 300, classes) before the sigmoid."""
    corners, scores = boxes_and_scores(300, ONCE)
    return {names[0]: centred(corners)[None] / np.float32(SIDE), names[1]: logits(scores)[None]}


def boxes() -> dict[str, NDArray[np.float32]]:
    """(1, 2000, 4), corners as shares, and (1, 2000, background + classes), in sum 1."""
    corners, scores = boxes_and_scores(2000)
    return {
        "boxes": corners[None] / np.float32(SIDE),
        "scores": np.concatenate([1 - scores.sum(axis=1, keepdims=True), scores], axis=1)[None],
    }


def chosen(count: int = 100) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Corners, scores and classes of what a model has chosen itself, zeros behind: the worse double is left out."""
    corners, scores, classes = (
        np.zeros((count, 4), np.float32),
        np.zeros(count, np.float32),
        np.zeros(count, np.float32),
    )
    for row, thing in enumerate(ONCE):
        corners[row], scores[row], classes[row] = thing.corners, thing.score, thing.number
    return corners, scores, classes


def tensorflow() -> dict[str, NDArray[np.float32]]:
    """detection_boxes and the rest: top, left, bottom, right as shares; classes from 1."""
    corners, scores, classes = chosen()
    return {
        "detection_boxes": corners[None][..., [1, 0, 3, 2]] / np.float32(SIDE),
        "detection_classes": classes[None] + 1,
        "detection_scores": scores[None],
        "num_detections": np.array([4], np.float32),
    }


def d_fine() -> dict[str, NDArray[np.float32] | NDArray[np.int64]]:
    """labels, boxes, scores; boxes as shares, for a network that multiplies them by the size it is given."""
    corners, scores, classes = chosen(300)
    return {"labels": classes[None].astype(np.int64), "boxes": corners[None] / np.float32(SIDE), "scores": scores[None]}


def v10() -> dict[str, NDArray[np.float32]]:
    """(1, 300, 6)."""
    corners, scores, classes = chosen(300)
    return {"output0": np.concatenate([corners, scores[:, None], classes[:, None]], axis=1)[None]}


def v7() -> dict[str, NDArray[np.float32]]:
    """(boxes, 7): the picture's place, corners, class, score."""
    corners, scores, classes = (values[:4] for values in chosen())
    return {
        "output": np.concatenate([np.zeros((4, 1), np.float32), corners, classes[:, None], scores[:, None]], axis=1)
    }
