"""What a source says of a picture that it has just written."""

from msgspec import Struct


class Shot(Struct, frozen=True):
    """Describes the picture that a source has just written: see Packet for the units.

    `failed` is why there is no picture (the frame then counts as failed); `damaged` says that the decoder concealed
    errors in it. `replaced` counts pictures of a live source that this one replaced before the window had room for
    them. `cut` says that it starts a new scene. `pixel_aspect` is a pixel's width to its height, if they differ.
    `taken_ms` is when it was taken, in milliseconds since 1970, if that is known; `file` the name of its file.
    """

    pts: int
    time_base: tuple[int, int]
    rate: tuple[int, int] | None = None
    failed: str = ""
    damaged: bool = False
    replaced: int = 0
    cut: bool = False
    pixel_aspect: tuple[int, int] | None = None
    taken_ms: int | None = None
    file: str = ""
