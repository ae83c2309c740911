"""Looking at parts of a picture, for objects that are too small in the whole, and putting together what they show."""

import math
from collections.abc import Sequence

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from framewire.models.objects.heads.suppression import Candidates, best_first, joined
from framewire.models.picture import Picture

EDGE_PX = 3.0
"""A box that ends so near to a tile's edge is cut by it: a detector ends boxes at the edge of what it sees."""
PART = 0.6
"""So much of a box within another of its class, and it is a part of that one, seen by a tile that cut it."""


class Tiling(Struct, frozen=True):
    """`across` x `down` tiles, neighbours sharing `overlap` of a tile; one look at the whole comes with them."""

    across: int = 1
    down: int = 1
    overlap: float = 0.2


class Tile(Struct, frozen=True):
    """A part of a picture, in its pixels: left, top, right, bottom."""

    left: int
    top: int
    right: int
    bottom: int

    def of(self, picture: Picture) -> Picture:
        """That part, not copied."""
        return picture[self.top : self.bottom, self.left : self.right]

    def in_picture(self, seen: Candidates) -> Candidates:
        """What was seen in it, in the whole picture's pixels."""
        offset = np.array([self.left, self.top] * 2, np.float32)
        return msgspec.structs.replace(seen, corners=seen.corners + offset)


def tiles_of(shape: Sequence[int], tiling: Tiling) -> list[Tile]:
    """The whole picture (height, width, ...), and then its tiles, all of the same size."""
    height, width = shape[:2]
    whole = Tile(0, 0, width, height)
    if tiling.across * tiling.down == 1:
        return [whole]
    columns, rows = _spans(width, tiling.across, tiling.overlap), _spans(height, tiling.down, tiling.overlap)
    return [whole, *(Tile(left, top, right, bottom) for top, bottom in rows for left, right in columns)]


def _spans(side: int, count: int, overlap: float) -> list[tuple[int, int]]:
    """`count` parts of a side, equally long, each sharing `overlap` of its length with the next."""
    if count == 1:
        return [(0, side)]
    length = min(side, math.ceil(side / (count - (count - 1) * overlap)))
    starts = [round(number * (side - length) / (count - 1)) for number in range(count)]
    return [(start, start + length) for start in starts]


def merged(looks: Sequence[Candidates], tiles: Sequence[Tile], overlap: float) -> Candidates:
    """What all looks have shown, each object once. The first look is at the whole picture.

    Of two halves that tiles have cut an object into, one box is made; a part of an object that another look shows
    whole is left out; and then a better box stands for those that overlap it by more than `overlap` (IoU).
    """
    whole = tiles[0]
    cut = np.concatenate([_cut(look.corners, tile, whole) for look, tile in zip(looks, tiles, strict=True)])
    every = joined(list(looks))
    # Whole ones first: a half may have the better score.
    order = np.lexsort((-every.scores, cut.any(axis=1)))
    every, cut = every.at(order), cut[order]
    kept: list[int] = []
    corners = every.corners.copy()
    for number in range(len(order)):
        same = [one for one in kept if every.classes[one] == every.classes[number]]
        if not cut[number].any() or not _is_part(corners, same, number, cut):
            kept.append(number)
    return best_first(msgspec.structs.replace(every, corners=corners).at(np.array(kept, np.int64)), overlap)


def _cut(corners: NDArray[np.float32], tile: Tile, whole: Tile) -> NDArray[np.bool_]:
    """Which sides (n, 4) of boxes a tile has cut: those at its edges, where the picture goes on."""
    edges = np.array([tile.left, tile.top, tile.right, tile.bottom], np.float32)
    inner = edges != np.array([whole.left, whole.top, whole.right, whole.bottom], np.float32)
    return np.asarray((np.abs(corners - edges) <= EDGE_PX) & inner, np.bool_)


def _is_part(corners: NDArray[np.float32], same: Sequence[int], number: int, cut: NDArray[np.bool_]) -> bool:
    """Whether a cut box is a part of one that is kept already, which then grows to hold it, if it was cut, too."""
    box = corners[number]
    for other in same:
        shared = np.minimum(box[2:], corners[other, 2:]) - np.maximum(box[:2], corners[other, :2])
        if (shared <= 0).any():
            continue
        area = float(np.prod(shared))
        smaller = min(float(np.prod(box[2:] - box[:2])), float(np.prod(corners[other, 2:] - corners[other, :2])))
        is_half = cut[other].any() and _meet(box, corners[other], cut[number], cut[other])
        if is_half or area > PART * smaller:
            if cut[other].any():
                corners[other, :2] = np.minimum(box[:2], corners[other, :2])
                corners[other, 2:] = np.maximum(box[2:], corners[other, 2:])
            return True
    return False


def _meet(
    one: NDArray[np.float32], other: NDArray[np.float32], cut_one: NDArray[np.bool_], cut_other: NDArray[np.bool_]
) -> bool:
    """Whether two cut boxes are cut at sides that face each other, and cover each other along them."""
    for axis in (0, 1):
        faces = (cut_one[axis + 2] and cut_other[axis]) or (cut_one[axis] and cut_other[axis + 2])
        along = 1 - axis
        shared = min(one[along + 2], other[along + 2]) - max(one[along], other[along])
        if faces and shared > PART * min(one[along + 2] - one[along], other[along + 2] - other[along]):
            return True
    return False
