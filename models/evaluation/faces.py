"""Recall and precision of a face detector."""

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

import numpy as np
from msgspec import Struct

from framewire.models.box import Box, overlap
from framewire.models.datasets.picture_files import picture_files
from framewire.models.face import Face
from framewire.models.finders.face_finder import FaceFinder
from framewire.models.picture import Picture

BOXES = "boxes.csv"
"""Beside the pictures: a header line, then one face per line: picture, x, y, width, height."""
OVERLAP = 0.5
"""IoU from which a box matches a face: the usual limit."""


class FaceFigures(Struct, frozen=True):
    """Recall: fraction of the faces that were found; precision: fraction of detections that are faces.

    `curve` is recall and precision as the score threshold falls; `average_precision` the area under it.
    """

    pictures: int
    count: int
    recall: float
    precision: float
    average_precision: float
    curve: list[tuple[float, float]]


def boxed_pictures(data: Path) -> Iterator[tuple[Picture, list[Box]]]:
    """Each picture with its faces. Raises ValueError, OSError."""
    with (data / BOXES).open(newline="", encoding="utf-8") as lines:
        rows = list(csv.reader(lines))[1:]
    boxes: dict[str, list[Box]] = {}
    for number, row in enumerate(rows, start=2):
        try:
            x, y, width, height = (float(value) for value in row[1:5])
        except ValueError:
            raise ValueError(f"{BOXES}, line {number}: expected picture, x, y, width, height") from None
        boxes.setdefault(PurePosixPath(row[0]).name, []).append((x, y, width, height))
    for name, picture in picture_files(data):
        yield picture, boxes.get(PurePosixPath(name).name, [])


def evaluate_faces(finder: FaceFinder, pictures: Iterable[tuple[Picture, list[Box]]]) -> FaceFigures:
    """Match detections to faces, highest score first, each face once."""
    hits: list[tuple[float, bool]] = []
    there, seen = 0, 0
    for picture, boxes in pictures:
        (found,) = finder.find([picture])
        hits += _matched(found, boxes)
        there += len(boxes)
        seen += 1
    if not there:
        raise ValueError(f"{BOXES} lists no face in its pictures")
    hits.sort(key=lambda hit: -hit[0])
    right = np.cumsum([hit for _, hit in hits])
    recall = right / there
    precision = right / np.arange(1, len(hits) + 1)
    # The best precision at this recall or more: the usual non-increasing curve.
    best = np.maximum.accumulate(precision[::-1])[::-1]
    area = float(np.sum(np.diff(recall, prepend=0.0) * best))
    return FaceFigures(
        pictures=seen,
        count=there,
        recall=round(float(recall[-1]), 4) if hits else 0.0,
        precision=round(float(precision[-1]), 4) if hits else 0.0,
        average_precision=round(area, 4),
        curve=[(round(float(x), 4), round(float(y), 4)) for x, y in zip(recall, best, strict=True)],
    )


def _matched(found: list[Face], boxes: list[Box]) -> Iterator[tuple[float, bool]]:
    free = list(boxes)
    for face in found:
        best = max(free, key=lambda box: overlap(face.box, box), default=None)
        hit = best is not None and overlap(face.box, best) >= OVERLAP
        if hit and best is not None:
            free.remove(best)
        yield face.score, hit
