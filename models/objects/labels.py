"""What a file says of itself: what its classes are called, and how large its input is; and COCO's classes."""

import ast
from collections.abc import Mapping, Sequence
from typing import Any

from framewire.models.catalogue.coco import COCO_80, COCO_90

SETS: Mapping[str, tuple[str, ...]] = {"coco": COCO_80, "coco-90": COCO_90}
"""Words that stand for a list of labels."""
BY_COUNT = {len(labels): labels for labels in SETS.values()}


def labels_in(metadata: Mapping[str, str]) -> tuple[str, ...]:
    """The labels that a file brings with it, as Ultralytics' exports do: `names`, numbers to words; or none."""
    names = _written(metadata, "names")
    if isinstance(names, Sequence) and not isinstance(names, str):
        names = dict(enumerate(names))
    if not isinstance(names, dict) or set(names) != set(range(len(names))):
        return ()
    return tuple(str(names[number]) for number in range(len(names)))


def side_in(metadata: Mapping[str, str]) -> tuple[int, int] | None:
    """Height and width of the input for which a file says that it was made, likewise: `imgsz`; or None."""
    sides = _written(metadata, "imgsz")
    if isinstance(sides, Sequence) and len(sides) == 2 and all(isinstance(one, int) and one > 0 for one in sides):
        return int(sides[0]), int(sides[1])
    return None


def _written(metadata: Mapping[str, str], key: str) -> Any:
    """A value as Python writes it; None if there is none that can be read."""
    try:
        return ast.literal_eval(metadata.get(key, "None"))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
