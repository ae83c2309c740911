"""An object, as a detector returns it."""

from msgspec import Struct


class Found(Struct, frozen=True):
    """An object: `box` is (x, y, width, height) in pixels of the picture; it may reach beyond its edges."""

    label: str
    box: tuple[float, float, float, float]
    score: float
