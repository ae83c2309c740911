"""Pictures that came over a link, in rings of this machine, and where each came from."""

from msgspec import Struct

from framewire.pipeline.frame.packet import PictureRef
from framewire.pipeline.frame.ring import Pixels, StreamRings

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
        imports = Imports()
        imports.here(origin)                            # None: it has not come
        target, ref = imports.begin("door", 32, 5, origin)
        target[...] = pixels
        imports.finish(5, origin, ref)                  # from now on this machine's workers may read `ref`
        imports.origin(ref)                             # where it came from, on its way back there
    """

    def __init__(self) -> None:
        self._by_origin: dict[int, _Imported] = {}
        self._origin_of: dict[int, int] = {}
        """From a ring here to the ring at the origin."""

    def here(self, origin: PictureRef) -> PictureRef | None:
        """The picture as it is here; None if it has not come, or is forgotten."""
        known = self._by_origin.get(origin.ring)
        return known.refs.get(origin.seq) if known is not None else None

    def begin(self, stream: str, window: int, mark: int, origin: PictureRef) -> tuple[Pixels, PictureRef]:
        """Where a picture that comes is to be written, and the reference for its readers.

        `mark` is the stream's: pictures of frames below it are forgotten. Raises PictureLostError for one of those.
        """
        known = self._by_origin.get(origin.ring)
        if known is None:
            self._forget(stream, mark)
            known = self._by_origin[origin.ring] = _Imported(stream, StreamRings(window), -1, {}, {})
        return known.rings.begin(origin.seq, mark, origin.height, origin.width, origin.channels, origin.generation)

    def finish(self, mark: int, origin: PictureRef, ref: PictureRef) -> None:
        """It has been written."""
        known = self._by_origin[origin.ring]
        known.rings.finish(origin.seq)
        known.last = max(known.last, origin.seq)
        known.refs[origin.seq], known.origins[origin.seq] = ref, origin
        self._origin_of[ref.ring] = origin.ring
        for seq in [seq for seq in known.refs if seq < mark]:
            del known.refs[seq], known.origins[seq]

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
