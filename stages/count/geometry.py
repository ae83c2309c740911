"""Lines and zones, in fractions of the picture: a point is (x, y), both 0 to 1, from the top left."""

from collections.abc import Sequence

Point = tuple[float, float]


def side_of(line: tuple[Point, Point], point: Point) -> float:
    """On which side of the line a point is: positive to the right of somebody who walks from its start to its end."""
    (ax, ay), (bx, by) = line
    return (bx - ax) * (point[1] - ay) - (by - ay) * (point[0] - ax)


def crossed(line: tuple[Point, Point], before: Point, now: Point) -> int:
    """1 where the way from `before` to `now` crosses the line from left to right, -1 from right to left, else 0.

    A way that ends on the line has not crossed it yet: it does when it goes on.
    """
    was, is_now = side_of(line, before), side_of(line, now)
    if (was < 0) == (is_now < 0):
        return 0
    way = (before, now)
    if side_of(way, line[0]) * side_of(way, line[1]) > 0:
        # The way passes beyond an end of the line.
        return 0
    return 1 if was < 0 else -1


def inside(zone: Sequence[Point], point: Point) -> bool:
    """Whether a point is in a polygon of any shape: it is where a ray from it cuts the edge an odd number of times."""
    x, y = point
    odd = False
    for (ax, ay), (bx, by) in zip(zone, [*zone[1:], zone[0]], strict=True):
        if (ay > y) != (by > y) and x < ax + (y - ay) * (bx - ax) / (by - ay):
            odd = not odd
    return odd
