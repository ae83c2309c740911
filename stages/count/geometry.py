"""Lines and zones, in fractions of the picture: a point is (x, y), both 0 to 1, from the top left."""

from collections.abc import Sequence
from typing import Literal

Point = tuple[float, float]
Anchor = Literal["middle", "foot"]
"""Which point of a box says where somebody is: its middle, or the middle of its lower edge."""


def anchor_of(box: tuple[float, float, float, float], anchor: Anchor) -> Point:
    """That point of a box (x, y, width, height), in the box's own units."""
    x, y, width, height = box
    return x + width / 2, y + (height if anchor == "foot" else height / 2)


def side_of(line: tuple[Point, Point], point: Point) -> float:
    """The side of the line that a point is on: positive to the right when walking from its start to its end."""
    (ax, ay), (bx, by) = line
    return (bx - ax) * (point[1] - ay) - (by - ay) * (point[0] - ax)


def crossed(line: tuple[Point, Point], before: Point, now: Point) -> int:
    """1 if the path from `before` to `now` crosses the line from left to right, -1 from right to left, else 0.

    A path ending on the line has not crossed it yet: it does when it continues.
    """
    was, is_now = side_of(line, before), side_of(line, now)
    if (was < 0) == (is_now < 0):
        return 0
    way = (before, now)
    if side_of(way, line[0]) * side_of(way, line[1]) > 0:
        # The path passes outside the line's ends.
        return 0
    return 1 if was < 0 else -1


def inside(zone: Sequence[Point], point: Point) -> bool:
    """Whether a point is in a polygon of any shape: a ray from it then cuts the edge an odd number of times."""
    x, y = point
    odd = False
    for (ax, ay), (bx, by) in zip(zone, [*zone[1:], zone[0]], strict=True):
        if (ay > y) != (by > y) and x < ax + (y - ay) * (bx - ax) / (by - ay):
            odd = not odd
    return odd
