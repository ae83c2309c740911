"""Boxes: x, y, width, height in pixels of the picture, and how much two have in common."""

Box = tuple[float, float, float, float]


def overlap(one: Box, two: Box) -> float:
    """Intersection over union of two boxes."""
    width = min(one[0] + one[2], two[0] + two[2]) - max(one[0], two[0])
    height = min(one[1] + one[3], two[1] + two[3]) - max(one[1], two[1])
    if width <= 0 or height <= 0:
        return 0.0
    inner = width * height
    return inner / (one[2] * one[3] + two[2] * two[3] - inner)
