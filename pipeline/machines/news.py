"""What a run learns of its other machines."""

from msgspec import Struct

from framewire.pipeline.nodes.notes import FrameInHand


class Came(Struct, frozen=True):
    """An agent serves this machine now."""

    machine: str


class Lost(Struct, frozen=True):
    """This machine's agent is gone, and all its workers, without blame."""

    machine: str


class Ended(Struct, frozen=True):
    """A worker has ended with this status (see WorkerDied), and had these frames in hand."""

    worker: str
    status: int | None
    in_hand: list[FrameInHand]


class WantsToLeave(Struct, frozen=True):
    """This machine's agent would like to go."""

    machine: str


class Said(Struct, frozen=True):
    """A worker's message to the supervisor."""

    raw: bytes


class Shown(Struct, frozen=True):
    """A picture for the server."""

    raw: bytes


class Failed(Struct, frozen=True):
    """The run cannot go on, for this reason."""

    text: str


News = Came | Lost | WantsToLeave | Ended | Said | Shown | Failed
