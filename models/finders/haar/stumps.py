"""Stumps: a boosted cascade of single-split trees, as arrays; read from OpenCV's file format."""

import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

CORNERS = 9
"""The most corners of the integral image that one feature reads."""
STAGE_SLACK = np.float32(1e-5)
"""Subtracted by OpenCV from each stage's threshold on loading."""

EDGE, LINE, CHECKER_LIGHT, CHECKER_DARK = range(4)
_KINDS = {
    (-2, -1, -1, 1, 1, 2): EDGE,
    (-3, -3, -1, -1, 1, 1, 3, 3): LINE,
    (-2, -2, -2, -2, 1, 1, 1, 1, 4): CHECKER_LIGHT,
    (-4, -1, -1, -1, -1, 2, 2, 2, 2): CHECKER_DARK,
}
"""A feature by the weights of its corners, in order: adjacent rectangles share corners, so fewer are read."""


class Stumps(NamedTuple):
    """A cascade of n stumps in stages; a window is found if each stage's stumps add up to its threshold.

    A stump adds `left` if its feature, times the window's norm, is below `threshold`, else `right`. A feature is the
    weighted sum of the integral image at its corners; `kind` gives the weights. A named tuple, as that is
    the record type Numba takes.
    """

    width: int
    """Of the window, in pixels."""
    height: int
    kind: NDArray[np.int8]
    """(n,): EDGE, LINE, CHECKER_LIGHT or CHECKER_DARK."""
    x: NDArray[np.int64]
    """(n, CORNERS): pixels from the window's left edge, ordered by weight as the keys of the kinds are."""
    y: NDArray[np.int64]
    threshold: NDArray[np.float32]
    left: NDArray[np.float32]
    right: NDArray[np.float32]
    first: NDArray[np.int64]
    """(stages + 1,): the first stump of each stage, and n."""
    stage_threshold: NDArray[np.float32]


def read_stumps(path: Path) -> Stumps | None:
    """The cascade in the file; None if it is of another kind: with trees, tilted or unusual features, or patterns.

    Raises:
        OSError: the file cannot be read.
    """
    try:
        cascade = ElementTree.parse(path).getroot().find("cascade")
        return None if cascade is None else _stumps(cascade)
    except (ElementTree.ParseError, ValueError, KeyError, IndexError, AttributeError):
        return None


def _stumps(cascade: ElementTree.Element) -> Stumps | None:
    if cascade.findtext("featureType", "").strip() != "HAAR":
        return None
    features = [_feature(one) for one in _list(cascade, "features")]
    stages = _list(cascade, "stages")
    weak = [[_weak(one) for one in _list(stage, "weakClassifiers")] for stage in stages]
    stumps = [one for stage in weak for one in stage]
    shapes = [features[number] for number, _, _, _ in stumps]
    if any(shape is None for shape in shapes):
        return None
    corners = np.zeros((2, len(stumps), CORNERS), np.int64)
    for row, shape in enumerate(shapes):
        assert shape is not None
        corners[:, row, : len(shape[1])] = np.transpose(shape[1])
    return Stumps(
        width=int(cascade.findtext("width", "")),
        height=int(cascade.findtext("height", "")),
        kind=np.array([shape[0] for shape in shapes if shape], np.int8),
        x=corners[0],
        y=corners[1],
        threshold=np.array([threshold for _, threshold, _, _ in stumps], np.float32),
        left=np.array([left for _, _, left, _ in stumps], np.float32),
        right=np.array([right for _, _, _, right in stumps], np.float32),
        first=np.cumsum([0, *(len(stage) for stage in weak)]),
        stage_threshold=np.array([float(stage.findtext("stageThreshold", "")) for stage in stages], np.float32)
        - STAGE_SLACK,
    )


def _list(parent: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    element = parent.find(name)
    if element is None:
        raise ValueError(f"no {name}")
    return element.findall("_")


def _weak(element: ElementTree.Element) -> tuple[int, float, float, float]:
    """The feature's number, its threshold, and both answers; a tree has more nodes and raises ValueError."""
    left, right, feature, threshold = element.findtext("internalNodes", "").split()
    below, above = element.findtext("leafValues", "").split()
    if (left, right) != ("0", "-1"):
        raise ValueError("not a stump")
    return int(feature), float(threshold), float(below), float(above)


def _feature(element: ElementTree.Element) -> tuple[int, Sequence[tuple[int, int]]] | None:
    """The kind, and x and y of the corners ordered by weight; None for an unknown kind."""
    if element.findtext("tilted", "0").strip() != "0":
        return None
    weights: Counter[tuple[int, int]] = Counter()
    for rect in _list(element, "rects"):
        x, y, width, height, weight = (float(word) for word in (rect.text or "").split())
        for corner, sign in (
            ((x, y), 1),
            ((x + width, y), -1),
            ((x, y + height), -1),
            ((x + width, y + height), 1),
        ):
            if weight != int(weight):
                return None
            weights[int(corner[0]), int(corner[1])] += sign * int(weight)
    corners = sorted(((weight, corner) for corner, weight in weights.items() if weight), key=lambda one: one[0])
    kind = _KINDS.get(tuple(weight for weight, _ in corners))
    return None if kind is None else (kind, [corner for _, corner in corners])
