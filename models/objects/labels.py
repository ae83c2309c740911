"""What a detector's classes are called: as the user says, as the file says, or COCO's."""

import ast
from collections.abc import Mapping, Sequence

from framewire.models.catalogue.coco import COCO_80, COCO_90

SETS: Mapping[str, tuple[str, ...]] = {"coco": COCO_80, "coco-90": COCO_90}
"""Words that stand for a list of labels."""
BY_COUNT = {len(labels): labels for labels in SETS.values()}


def labels_in(metadata: Mapping[str, str]) -> tuple[str, ...]:
    """The labels that a file brings with it, as Ultralytics' exports do: `names`, numbers to words; or none."""
    try:
        names = ast.literal_eval(metadata.get("names", "{}"))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return ()
    if isinstance(names, Sequence) and not isinstance(names, str):
        names = dict(enumerate(names))
    if not isinstance(names, dict) or set(names) != set(range(len(names))):
        return ()
    return tuple(str(names[number]) for number in range(len(names)))
