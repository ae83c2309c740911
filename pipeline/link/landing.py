"""Pictures on their way in: each is received where workers here read it, and may be read once all of it is there."""

from collections.abc import Sequence

from msgspec import Struct

from framewire.pipeline.frame.packet import Packet, PictureRef
from framewire.pipeline.frame.ring import PictureLostError, Pixels
from framewire.pipeline.link.carriage import LinkMisheardError, Picture
from framewire.pipeline.link.codec import Codec
from framewire.pipeline.link.imports import Imports


class _Coming(Struct):
    ref: PictureRef
    target: Pixels
    landed: memoryview


class Landing:
    """The pictures of one message after the other.

    Example:
        landing = Landing(Imports(), Raw())
        landing.place(packet, carried.pictures, sizes)     # where to receive what comes behind the header
        landing.take(packet, carried.pictures)             # all is there: {"frame": ref}
    """

    def __init__(self, imports: Imports, codec: Codec) -> None:
        self._imports = imports
        self._codec = codec
        self._coming: dict[str, _Coming] = {}
        self._wrong: Exception | None = None

    def place(self, packet: Packet, pictures: Sequence[Picture], sizes: Sequence[int]) -> list[memoryview | None]:
        """Where each part belongs; None for one that is not needed. What is wrong with them is told by `take`."""
        self._coming, self._wrong = {}, None
        sent = [picture for picture in pictures if picture.pixels]
        try:
            if len(sent) != len(sizes):
                raise LinkMisheardError(f"{len(sizes)} pictures came with a message of {len(sent)}")
            return [self._target(packet, picture, size) for picture, size in zip(sent, sizes, strict=True)]
        except (ValueError, PictureLostError) as error:
            self._wrong = error
            return [None] * len(sizes)

    def take(self, packet: Packet, pictures: Sequence[Picture]) -> dict[str, PictureRef]:
        """A packet's pictures as they are here. Raises LinkMisheardError, ValueError, PictureLostError."""
        coming, self._coming, wrong, self._wrong = self._coming, {}, self._wrong, None
        if wrong is not None:
            raise wrong
        for picture in pictures:
            if (one := coming.get(picture.name)) is not None:
                self._codec.decode(one.landed, one.target)
                self._imports.finish(packet.mark, picture.ref, one.ref)
        return {picture.name: self._here(packet, picture) for picture in pictures}

    def _target(self, packet: Packet, picture: Picture, size: int) -> memoryview | None:
        if self._imports.here(picture.ref) is not None:
            # It was sent again, in a new epoch: those who read it still do.
            return None
        target, ref = self._imports.begin(packet.stream, packet.window, packet.mark, picture.ref)
        landed = self._codec.landing(size, target)
        self._coming[picture.name] = _Coming(ref, target, landed)
        return landed

    def _here(self, packet: Packet, picture: Picture) -> PictureRef:
        if picture.goes_home or not picture.ref.is_here:
            return picture.ref
        here = self._imports.here(picture.ref)
        if here is None:
            raise LinkMisheardError(f"picture {picture.name!r} of frame {packet.seq} of {packet.stream} was not sent")
        return here
