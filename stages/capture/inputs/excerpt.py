"""Which frames of a video file are taken: start, duration, every n-th, number of loops."""

from msgspec import Struct


class Excerpt(Struct, frozen=True):
    """`start_s` and `duration_s` are in seconds of the file (0: to its end); of those frames, every `every`-th.

    `loops` is how often the file is played; 0: forever.
    """

    start_s: float = 0.0
    duration_s: float = 0.0
    every: int = 1
    loops: int = 1

    @property
    def is_all(self) -> bool:
        """Whether every frame is taken, once."""
        return self == Excerpt()

    def begun(self, seconds: float) -> bool:
        """Whether a frame at this time, counted from the file's first, is late enough."""
        return seconds >= self.start_s

    def over(self, seconds: float) -> bool:
        """Whether it and all after it are too late."""
        return bool(self.duration_s) and seconds >= self.start_s + self.duration_s
