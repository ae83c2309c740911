"""An object, as a detector returns it."""

from collections.abc import Sequence

from msgspec import Struct

from framewire.models.objects.heads.suppression import Candidates


class Found(Struct, frozen=True):
    """An object: `box` is (x, y, width, height) in pixels of the picture; it may reach beyond its edges."""

    label: str
    box: tuple[float, float, float, float]
    score: float


def found_in(candidates: Candidates, labels: Sequence[str]) -> list[Found]:
    """Candidates as objects, in their order; `labels` are those of their classes."""
    return [
        Found(labels[number], (left, top, right - left, bottom - top), score)
        for (left, top, right, bottom), score, number in zip(
            candidates.corners.tolist(), candidates.scores.tolist(), candidates.classes.tolist(), strict=True
        )
    ]
