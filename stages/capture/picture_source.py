"""What every kind of source looks like to `capture`."""

from collections.abc import Callable, Iterator
from typing import Protocol

from msgspec import Struct

from framewire.pipeline.frame.ring import Pixels
from framewire.pipeline.stage import Shot

Slot = Callable[[int, int], Pixels]
"""Asks for the place of the next picture: (height, width) -> uint8 (height, width, 3) BGR, to be written over."""


class StreamFacts(Struct, frozen=True):
    """What is known of a stream before its first picture; `expected` is the number of frames, where it is known."""

    description: str
    height: int
    width: int
    expected: int | None


class PictureSource(Protocol):
    """An opened source: pictures in order, the same ones however often it is asked."""

    facts: StreamFacts

    def shots(self, start: int, slot: Slot) -> Iterator[Shot]:
        """Write picture after picture, from number `start` on, to the place that `slot` gives."""

    def close(self) -> None:
        """Let go of files."""
