"""How pictures cross a link: as they are, or coded by who knows how."""

from importlib.metadata import entry_points
from typing import Protocol

from framewire.pipeline.frame.ring import Pixels
from framewire.pipeline.link.carriage import LinkMisheardError
from framewire.pipeline.link.link_socket import Part

CODECS = "framewire.codecs"
"""The entry-point group of codecs; the engine itself knows no pictures."""
RAW = "raw"


class CodecMissingError(ValueError):
    """There is no codec of that name."""


class Codec(Protocol):
    """Codes pictures, uint8 (height, width, 3) BGR or (height, width) grey."""

    def encode(self, pixels: Pixels) -> Part:
        """A picture's bytes, or a view of it."""

    def decode(self, part: memoryview, target: Pixels) -> None:
        """Fill the target. Raises ValueError for bytes that are no picture of its size."""


class Raw:
    """As they are."""

    def encode(self, pixels: Pixels) -> Part:
        """See Codec: a view, without a copy."""
        return pixels.reshape(-1).data

    def decode(self, part: memoryview, target: Pixels) -> None:
        """See Codec."""
        if part.nbytes != target.nbytes:
            raise LinkMisheardError(f"a picture has {part.nbytes} bytes, not {target.nbytes}")
        target.reshape(-1).data[:] = part.cast("B")


def find_codec(name: str) -> Codec:
    """The codec of that name. Raises CodecMissingError."""
    if name == RAW:
        return Raw()
    for point in entry_points(group=CODECS, name=name):
        codec: Codec = point.load()()
        return codec
    raise CodecMissingError(f"no codec {name!r} is installed")
