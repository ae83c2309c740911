"""What a run and the agents on other machines say to each other."""

from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta, Struct

from framewire.pipeline.graph.spec import PipelineSpec
from framewire.pipeline.line.lent_file import Bytes, LentFile, Sha256
from framewire.pipeline.line.modules import Module
from framewire.pipeline.nodes.notes import FrameInHand

PROTOCOL = 3
"""Rises with every change of a message in this file or in wire/message.py, and of a packet."""

PART_BYTES_MAX = 2**18
"""Of a file, at once: a part takes 2 ms of a gigabit."""

FRAME_BYTES_MAX = 64 * 2**20
"""Of a failed frame with its pictures: two of 4K."""
FRAMES_WAITING_MAX = 8
"""Failed frames of one machine that may wait until they are home: workers that keep crashing make many."""


class Hello(Struct, frozen=True, tag=True):
    """From an agent that wants to serve: who it is, and what it runs. It is sent until it is answered."""

    protocol: int
    version: str
    python: str
    machine: str
    cores: int
    host: str
    """The address by which it reaches the run."""
    asked_at: float


class Welcome(Struct, frozen=True, tag=True):
    """To an agent: what to run, and the run's own name. It `continues` if its part of the run has begun before.

    `must_be_here`: that part has been at work, so what its sinks have written must be where the agent writes.
    """

    spec: PipelineSpec
    run: str
    lease_s: float
    continues: bool
    must_be_here: bool
    asked_at: float
    now: float
    modules: tuple[Module, ...] = ()
    """The user's own, to be laid out beside each other."""
    files: tuple[LentFile, ...] = ()
    """What its stages read that is at home: it asks for what it has not got."""


class Refusal(Struct, frozen=True, tag=True):
    """To an agent: it cannot serve, for this reason. `is_final`: nor can it later."""

    text: str
    is_final: bool


class Busy(Struct, frozen=True, array_like=True):
    """A worker that is on a call: its frames, and for how many seconds; None if the call may take any time."""

    worker: str
    frames: list[FrameInHand]
    seconds: float | None


class LeaseAsked(Struct, frozen=True, tag=True):
    """From an agent, several times a lease; `busy` and `stopped` are workers, `refused` counts messages so far.

    Without `busy` it says nothing of how its workers are.
    """

    asked_at: float
    busy: list[Busy] | None = None
    stopped: list[str] = []
    refused: int = 0


class LeaseGranted(Struct, frozen=True, tag=True):
    """To an agent; `now` is by the run's clock."""

    asked_at: float
    now: float


class Relayed(Struct, frozen=True, tag=True):
    """From an agent: what one of its workers has told the supervisor."""

    raw: bytes


class WorkerDied(Struct, frozen=True, tag=True):
    """From an agent: a worker has ended with this status; None if the nursery took it along."""

    worker: str
    status: int | None
    in_hand: list[FrameInHand]


class Pictured(Struct, frozen=True, tag=True):
    """From an agent: a picture for whoever looks at the run. It may be lost."""

    raw: bytes


class Left(Struct, frozen=True, tag=True):
    """From an agent: it has ended all of its workers, and goes.

    The run being over, it says no `why`. It may be lost: the lease ends, too.
    """

    why: str


class Leaving(Struct, frozen=True, tag=True):
    """From an agent: it was told to stop, and would like to go when what is in flight is settled."""


class Unable(Struct, frozen=True, tag=True):
    """From an agent: it cannot serve this run, for a reason that another try would not mend."""

    text: str


class Start(Struct, frozen=True, tag=True):
    """To an agent: start this worker."""

    worker: str
    boot: bytes


class PassOn(Struct, frozen=True, tag=True):
    """To an agent: a message for one of its workers."""

    worker: str
    raw: bytes


class Kill(Struct, frozen=True, tag=True):
    """To an agent: end this worker."""

    worker: str


class Dismissed(Struct, frozen=True, tag=True):
    """To an agent that is leaving: it may go."""


class RunOver(Struct, frozen=True, tag=True):
    """To an agent: the run has ended, with all of its streams `complete` or not."""

    is_complete: bool


class FileAsked(Struct, frozen=True, tag=True):
    """To whoever has named a file: send `count` bytes of it, from `offset` on."""

    sha256: Sha256
    offset: Bytes
    count: Annotated[int, Meta(gt=0, le=PART_BYTES_MAX)]


class FilePart(Struct, frozen=True, tag=True):
    """The answer: fewer bytes only at its end."""

    sha256: Sha256
    offset: Bytes
    data: Annotated[bytes, Meta(max_length=PART_BYTES_MAX)]


class FileRefused(Struct, frozen=True, tag=True):
    """The answer, too: there is none, for this reason."""

    sha256: Sha256
    text: str


class FrameOffered(Struct, frozen=True, tag=True):
    """From an agent: a frame that kept crashing a stage of this machine is saved here; the run may ask for the file.

    `text` says where it is, as the worker has said.
    """

    worker: str
    stage: str
    text: str
    sha256: Sha256
    size: Annotated[int, Meta(gt=0, le=FRAME_BYTES_MAX)]


class FrameDone(Struct, frozen=True, tag=True):
    """To an agent: a frame that was offered is at home, or is not wanted."""

    sha256: Sha256


OfFiles = FileAsked | FilePart | FileRefused
"""Either end may have a file for the other."""
FromAgent = Hello | LeaseAsked | Relayed | WorkerDied | Pictured | Leaving | Left | Unable | FrameOffered | OfFiles
ToAgent = Welcome | Refusal | LeaseGranted | Start | PassOn | Kill | Dismissed | RunOver | FrameDone | OfFiles

_encoder = msgspec.msgpack.Encoder()
_from_agent: msgspec.msgpack.Decoder[FromAgent] = msgspec.msgpack.Decoder(FromAgent)
_to_agent: msgspec.msgpack.Decoder[ToAgent] = msgspec.msgpack.Decoder(ToAgent)
T = TypeVar("T")


class MisheardError(ValueError):
    """Bytes that are no message of this protocol."""


def encode_said(message: FromAgent | ToAgent) -> bytes:
    """The message's bytes."""
    return _encoder.encode(message)


def from_agent(raw: bytes) -> FromAgent:
    """Decode what an agent says. Raises MisheardError."""
    return _decode(_from_agent, raw)


def to_agent(raw: bytes) -> ToAgent:
    """Decode what is said to an agent. Raises MisheardError."""
    return _decode(_to_agent, raw)


def _decode(decoder: "msgspec.msgpack.Decoder[T]", raw: bytes) -> T:
    try:
        return decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise MisheardError(str(error)) from error
