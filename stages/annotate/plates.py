"""Where captions go: beside their boxes, inside the picture, and never over a face or each other."""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Box = tuple[float, float, float, float]
"""x, y, width, height in pixels of the picture."""
GAP_PX = 2
"""Between a plate and its box."""
STEPS = 4
"""Plates that may be stacked above or below a box."""


class Wanted(Struct, frozen=True):
    """A caption to place: its box, and the sizes (width, height) of its plate, the longest text's first."""

    box: Box
    sizes: Sequence[tuple[int, int]]
    may_be_inside: bool = False
    """Whether it may stand inside its own box, where there is no room around it."""


class Placed(Struct, frozen=True):
    """Left and top of a plate, and which of its sizes it has."""

    left: int
    top: int
    size: int


def place(wanted: Sequence[Wanted], faces: Sequence[Box], picture: tuple[int, int]) -> list[Placed | None]:
    """For each caption its plate, or None where there is no room for any, in a picture (width, height).

    No plate covers another, or one of `faces`. Other captions' boxes are covered only where nothing else is free.
    """
    taken = np.empty((len(faces) + len(wanted), 4))
    for row, face in enumerate(faces):
        taken[row] = (face[0], face[1], face[0] + face[2], face[1] + face[3])
    count = len(faces)
    boxes = np.array([one.box for one in wanted]).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    placed: list[Placed | None] = [None] * len(wanted)
    # From the top left on, whatever order they come in: a plate keeps its place while nobody moves.
    for number in sorted(range(len(wanted)), key=lambda index: (wanted[index].box[1], wanted[index].box[0])):
        others = np.delete(boxes, number, axis=0)
        found = _first_free(wanted[number], taken[:count], others, picture)
        if found is not None:
            width, height = wanted[number].sizes[found.size]
            taken[count] = (found.left, found.top, found.left + width, found.top + height)
            count += 1
        placed[number] = found
    return placed


def _first_free(
    one: Wanted, taken: NDArray[np.float64], others: NDArray[np.float64], picture: tuple[int, int]
) -> Placed | None:
    for avoided in (np.concatenate([taken, others]), taken):
        for number, (width, height) in enumerate(one.sizes):
            if width > picture[0] or height > picture[1]:
                continue
            corners = _places(one, width, height, picture)
            ends = corners + np.array((width, height))
            overlaps = (
                (corners[:, None, 0] < avoided[:, 2])
                & (ends[:, None, 0] > avoided[:, 0])
                & (corners[:, None, 1] < avoided[:, 3])
                & (ends[:, None, 1] > avoided[:, 1])
            )
            inside = (corners[:, 1] >= 0) & (ends[:, 1] <= picture[1])
            (free,) = np.nonzero(inside & ~overlaps.any(axis=1))
            if len(free):
                return Placed(int(corners[free[0], 0]), int(corners[free[0], 1]), number)
    return None


def _places(one: Wanted, width: int, height: int, picture: tuple[int, int]) -> NDArray[np.int64]:
    """Left and top (n, 2) of where a plate may go, the best first; moved sideways into the picture."""
    x, y, box_width, box_height = one.box
    end_x, end_y = x + box_width, y + box_height
    columns = (x, (x + end_x - width) / 2, end_x - width)
    above, below = y - GAP_PX - height, end_y + GAP_PX
    places = [(left, above) for left in columns] + [(left, below) for left in columns]
    if one.may_be_inside:
        places += [(x + GAP_PX, y + GAP_PX), (x + GAP_PX, end_y - GAP_PX - height)]
    places += [(end_x + GAP_PX, y), (x - GAP_PX - width, y)]
    places += [(end_x + GAP_PX, end_y - height), (x - GAP_PX - width, end_y - height)]
    for step in range(1, STEPS):
        places += [(x, above - step * (height + GAP_PX)), (x, below + step * (height + GAP_PX))]
    corners = np.rint(np.array(places)).astype(np.int64)
    corners[:, 0] = np.clip(corners[:, 0], 0, picture[0] - width)
    return corners
