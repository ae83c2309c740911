"""What a plain loop reports."""

from msgspec import Struct


class LoopFigures(Struct, frozen=True):
    """What the loop took, from the first frame to the closed file."""

    frames: int
    seconds: float
    cpu_seconds: float
