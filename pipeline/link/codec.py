"""How pictures cross a link: as they are, or coded by who knows how."""

from importlib.metadata import entry_points
from typing import Protocol

from framewire.pipeline.frame.ring import Pixels
from framewire.pipeline.link.carriage import LinkMisheardError
from framewire.pipeline.link.outgoing import Part

CODECS = "framewire.codecs"
"""The entry-point group of codecs; the engine itself knows no pictures."""
RAW = "raw"


class CodecMissingError(ValueError):
    """There is no codec of that name."""


class Codec(Protocol):
    """Codes pictures, uint8 (height, width, 3) BGR or (height, width) grey."""

    def encode(self, pixels: Pixels) -> Part:
        """A picture's bytes, or a view of it."""

    def landing(self, size: int, target: Pixels) -> memoryview:
        """Where so many bytes that come for the target are received: in it, or in a buffer to decode.

        Raises ValueError if they are no picture of its size.
        """

    def decode(self, landed: memoryview, target: Pixels) -> None:
        """Fill the target from what has landed. Raises ValueError for bytes that are no picture of its size."""


class Raw:
    """As they are."""

    def encode(self, pixels: Pixels) -> Part:
        """See Codec: a view, without a copy."""
        return pixels.reshape(-1).data

    def landing(self, size: int, target: Pixels) -> memoryview:
        """See Codec: in the target."""
        if size != target.nbytes:
            raise LinkMisheardError(f"a picture has {size} bytes, not {target.nbytes}")
        return target.reshape(-1).data

    def decode(self, landed: memoryview, target: Pixels) -> None:
        """See Codec: it is there already."""


def find_codec(name: str) -> Codec:
    """The codec of that name. Raises CodecMissingError."""
    if name == RAW:
        return Raw()
    for point in entry_points(group=CODECS, name=name):
        codec: Codec = point.load()()
        return codec
    raise CodecMissingError(f"no codec {name!r} is installed")
