"""Interface of every kind of source for `capture`."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Protocol

from msgspec import Struct

from framewire.pipeline.frame.ring import Pixels
from framewire.pipeline.frame.shot import Shot

RATE_OTHERWISE = Fraction(25)
"""Frames per second of a film that does not say: PAL's."""
Slot = Callable[[int, int], Pixels]
"""Gives the place of the next picture: (height, width) -> uint8 (height, width, 3) BGR, to be overwritten."""


class StreamFacts(Struct, frozen=True):
    """What is known of a stream before its first picture; `expected` is the number of frames, if known."""

    description: str
    height: int
    width: int
    expected: int | None

    @property
    def words(self) -> str:
        """`people.mp4, 640x480, 300 frames`."""
        count = f", {self.expected} frames" if self.expected is not None else ""
        return f"{self.description}, {self.width}x{self.height}{count}"


class PictureSource(Protocol):
    """An opened source: pictures in order, the same ones every time."""

    facts: StreamFacts

    def shots(self, start: int, slot: Slot) -> Iterator[Shot]:
        """Write the pictures, from number `start` on, to the places that `slot` gives."""

    def close(self) -> None:
        """Close files."""
