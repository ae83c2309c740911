"""What a sink that publishes has done: messages delivered, refused, dropped, and those that wait."""

from msgspec import Struct


class Published(Struct, array_like=True, frozen=True):
    """The account of one sink's messages in this run, whichever of its workers sent them.

    At any moment, found + put = delivered + refused + dropped + waiting. `found` waited already when the run began;
    `oldest` is when the oldest that waits was made, `down_since` since when the place takes nothing and `trouble` why:
    Unix time in seconds, None and empty if there is none.
    """

    found: int = 0
    put: int = 0
    delivered: int = 0
    refused: int = 0
    dropped: int = 0
    waiting: int = 0
    oldest: float | None = None
    down_since: float | None = None
    trouble: str = ""
