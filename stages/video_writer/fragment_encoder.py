"""The interface of every fragment encoder to the writer."""

from typing import Protocol

from msgspec import Struct

from framewire.pipeline.frame.ring import Pixels


class Layout(Struct, frozen=True):
    """What all fragments of a file share: size in pixels, timestamp units per second, frames per second.

    `pixel_aspect` is a pixel's width to its height.
    """

    width: int
    height: int
    timescale: int
    rate: tuple[int, int]
    pixel_aspect: tuple[int, int] = (1, 1)


class FragmentEncoder(Protocol):
    """Encodes the pictures of one fragment, all of the same size; the first is a key frame."""

    def add(self, pixels: Pixels, time: int) -> None:
        """Add a BGR picture (height, width, 3) with its timestamp in units of the timescale, later than the last."""

    def finish(self) -> bytes:
        """A small fragmented file: header (ftyp, moov) and one fragment (moof, mdat)."""

    def abandon(self) -> None:
        """Discard the fragment and release everything."""
