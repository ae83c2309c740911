"""Pictures that came over a link, in rings of this machine, and where each came from."""

from msgspec import Struct

from framewire.pipeline.frame.packet import PictureRef
from framewire.pipeline.frame.ring import StreamRings
from framewire.pipeline.link.carriage import LinkMisheardError
from framewire.pipeline.link.codec import Codec

Key = tuple[int, int]
"""Of a picture: its ring at its origin, and its frame."""


class _Imported(Struct):
    """The pictures of one ring at the origin: those of one stream."""

    stream: str
    rings: StreamRings
    last: int
    refs: dict[int, PictureRef]
    origins: dict[int, PictureRef]


class Imports:
    """Keeps the pictures of unsettled frames; a picture is written once, however many read it.

    Example:
        imports = Imports(Raw())
        ref = imports.take("door", 32, 5, origin, pixels)     # what this machine's workers read
        imports.origin(ref)                                   # where it came from, on its way back there
    """

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._by_origin: dict[int, _Imported] = {}
        self._origin_of: dict[int, int] = {}
        """From a ring here to the ring at the origin."""

    def take(self, stream: str, window: int, mark: int, origin: PictureRef, part: memoryview | None) -> PictureRef:
        """The picture here; `part` is as the codec has made it, None if it came before.

        `mark` is the stream's: pictures of frames below it are forgotten. Raises LinkMisheardError for a part that was
        not sent, ValueError for one that is no such picture.
        """
        known = self._by_origin.get(origin.ring)
        if known is None:
            self._forget(stream, mark)
            known = self._by_origin[origin.ring] = _Imported(stream, StreamRings(window), -1, {}, {})
        there = known.refs.get(origin.seq)
        if there is not None:
            return there
        if part is None:
            raise LinkMisheardError(f"the picture of frame {origin.seq} of {stream} was not sent")
        target, ref = known.rings.begin(
            origin.seq, mark, origin.height, origin.width, origin.channels, origin.generation
        )
        self._codec.decode(part, target)
        known.rings.finish(origin.seq)
        known.last = max(known.last, origin.seq)
        known.refs[origin.seq], known.origins[origin.seq] = ref, origin
        self._origin_of[ref.ring] = origin.ring
        for seq in [seq for seq in known.refs if seq < mark]:
            del known.refs[seq], known.origins[seq]
        return ref

    def origin(self, ref: PictureRef) -> PictureRef | None:
        """Where a picture came from; None if it did not come over this link, or is forgotten."""
        known = self._by_origin.get(self._origin_of.get(ref.ring, -1))
        return known.origins.get(ref.seq) if known is not None else None

    def close(self) -> None:
        """Close all rings."""
        for known in self._by_origin.values():
            known.rings.close()
        self._by_origin.clear()
        self._origin_of.clear()

    def _forget(self, stream: str, mark: int) -> None:
        """A new ring at the origin: those whose frames are settled are gone there."""
        for ring in [ring for ring, one in self._by_origin.items() if one.stream == stream and one.last < mark]:
            self._by_origin.pop(ring).rings.close()
            self._origin_of = {here: there for here, there in self._origin_of.items() if there != ring}
