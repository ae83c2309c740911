"""The heads that are known, and which of them a model has."""

from typing import Literal

from framewire.models.objects.heads.boxes import Boxes, Detr
from framewire.models.objects.heads.chosen_boxes import Rows, Ssd
from framewire.models.objects.heads.head import Head, Trial
from framewire.models.objects.heads.nanodet import NanoDet
from framewire.models.objects.heads.yolo import Yolo
from framewire.models.objects.heads.yolox import YoloX

HeadName = Literal["auto", "yolox", "yolo", "nanodet", "detr", "boxes", "ssd", "rows"]
HEADS: tuple[type[Head], ...] = (Rows, Ssd, Detr, Boxes, NanoDet, YoloX, Yolo)
"""In this order: what only few models have comes first, rows of any width last."""


class UnknownHeadError(Exception):
    """No head makes boxes of such outputs; the message names outputs and heads."""


def head_of(trial: Trial, name: HeadName) -> Head:
    """The head of that name, or the first that knows these outputs. Raises UnknownHeadError."""
    for kind in HEADS:
        if name in ("auto", kind.name):
            head = kind.read(trial)
            if head is not None:
                return head
    outputs = ", ".join(f"{output} {values.shape}" for output, values in trial.outputs.items())
    of = f" for {trial.classes} labels" if trial.classes else ""
    if name != "auto":
        kind = next(one for one in HEADS if one.name == name)
        raise UnknownHeadError(f"its outputs are {outputs}; `head: {name}` reads {kind.shapes}{of}")
    known = "; ".join(f"{kind.name}: {kind.shapes}" for kind in HEADS)
    raise UnknownHeadError(f"its outputs are {outputs}, of no head that is known{of} ({known})")
