"""An event of a settled frame, on its own: for those who watch a run."""

from msgspec import Struct

from framewire.pipeline.frame.packet import Event, NotNegative

KEPT = 1000
"""Events that are kept for those who come later."""


class Happening(Struct, frozen=True, array_like=True):
    """One event. `pts` is the frame's time in seconds, `taken_ms` when it was taken, as in Packet.

    `place` is the event's among those of its frame.
    """

    stream: str
    seq: NotNegative
    place: NotNegative
    pts: float
    taken_ms: int | None
    event: Event
