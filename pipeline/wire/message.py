"""The messages between processes of a pipeline: every message, its wire format, and nothing else.

Every process has one inbox. A message is a msgpack array whose first element is its type; what does not decode is
refused and counted by its receiver, and does no harm.
"""

from typing import Annotated, Self, TypeVar

import msgspec
from msgspec import Meta, Struct

from framewire.pipeline.frame.happening import Happening
from framewire.pipeline.frame.packet import NotNegative, Outcome, Packet, Positive
from framewire.pipeline.seen.figures import EventTally, WorkerFigures
from framewire.pipeline.seen.snapshot import Snapshot
from framewire.pipeline.wire.stream_state import StreamState

ASK_MAX = 512
"""Packets that a replica may ask for at once: two batches."""
Endpoint = Annotated[str, Meta(pattern="^ipc://@framewire/")]
"""An inbox on this machine; nobody can make us connect elsewhere."""


class Deliver(Struct, frozen=True, array_like=True, tag=1):
    """A packet for the consumer of `edge`, which is (producer, consumer).

    `epoch` is that of the packet's source: if it is not the reader's, the packet is stale, or early. `sender` is the
    producer's replica, `incarnation` that of its worker.
    """

    epoch: int
    edge: tuple[str, str]
    sender: int
    incarnation: int
    packet: Packet


class Ask(Struct, frozen=True, array_like=True, tag=2):
    """Replica `consumer` of the consumer of `edge` gives a producer credit for `count` more packets.

    The credit dies with the worker that gave it, which `incarnation` tells from its replacement.
    """

    edge: tuple[str, str]
    consumer: int
    incarnation: int
    count: Annotated[int, Meta(gt=0, le=ASK_MAX)]


class Condemned(Struct, frozen=True, array_like=True):
    """A frame that a stage must not touch again, because it keeps killing the stage's workers."""

    stage: str
    stream: str
    seq: int
    reason: str


class Peer(Struct, frozen=True, array_like=True):
    """A worker that is ready: its inbox, and how often it was restarted.

    One that `is_far` runs on another machine: the inbox is that of the porter on this one, which was restarted `via`
    times, both ends counted. What was on its way over a lost link is lost, so each restart is a new life of both
    workers to each other.
    """

    endpoint: Endpoint
    incarnation: int
    is_far: bool = False
    via: int = 0


class Connect(Struct, frozen=True, array_like=True, tag=3):
    """A new epoch of the sources that `epochs` names: their packets of earlier epochs are void.

    `peers` are all workers that are ready, `streams` all streams. `suspects` were in hand when a worker of their stage
    died: each is processed alone, so that no other frame is blamed for it.
    """

    epochs: dict[str, int]
    peers: dict[str, Peer]
    streams: list[StreamState]
    condemned: list[Condemned]
    suspects: list[Condemned] = []


class Forward(Struct, frozen=True, array_like=True, tag=25):
    """To a porter: a message for this worker, on the machine to which its link leads, and for this life of it."""

    worker: str
    incarnation: int
    raw: bytes


class Mark(Struct, frozen=True, array_like=True, tag=4):
    """To a source: every frame of `stream` below `mark` is settled."""

    stream: str
    mark: int


class Drain(Struct, frozen=True, array_like=True, tag=5):
    """To a source: take no more pictures, end your streams."""


class Pause(Struct, frozen=True, array_like=True, tag=27):
    """To these sources: take no more pictures until the next epoch."""

    sources: frozenset[str]


class MakeSafe(Struct, frozen=True, array_like=True, tag=29):
    """To a worker: hold back nothing of live streams of these sources, which pause. The answer has the same number."""

    sources: frozenset[str]
    number: int


class Wake(Struct, frozen=True, array_like=True, tag=15):
    """From one of the worker's own threads: its live source, or another stage, has news for it."""


class Watch(Struct, frozen=True, array_like=True, tag=17):
    """To a worker: for the next `seconds`, show `endpoint` the pictures that reach your sinks.

    At most one per `every_s` for each stream, and not much wider than `width` pixels.
    """

    endpoint: Endpoint
    seconds: float
    every_s: float
    width: Positive


class Exit(Struct, frozen=True, array_like=True, tag=6):
    """To a worker: close stages and exit, within so many seconds."""

    within_s: float = 0.0


class Exceptional(Struct, frozen=True, array_like=True):
    """A frame that reached a sink with an outcome other than ok."""

    seq: int
    outcome: Outcome
    reason: str
    stage: str


class Settle(Struct, frozen=True, array_like=True, tag=7):
    """From a sink: every frame of `stream` below `mark` is safe; what is new since its last report.

    `found` counts detections by label, `events` tallies events by kind and place. `incarnation` is that of the sink's
    worker: late messages of a dead one are void once its replacement started. `gaps` are frames that it has skipped,
    as ranges: the first, and the one after the last. `happened` are the events themselves.
    """

    sink: str
    incarnation: int
    stream: str
    mark: int
    exceptions: list[Exceptional]
    found: dict[str, int]
    ended: bool
    events: dict[str, EventTally] = {}
    gaps: list[tuple[NotNegative, NotNegative]] = []
    happened: list[Happening] = []

    def without_events(self) -> Self:
        """The same without the events themselves: no account needs them."""
        return msgspec.structs.replace(self, happened=[]) if self.happened else self


class Checkpoint(Struct, frozen=True, array_like=True, tag=14):
    """From a stateful stage: its memory of `stream` before frame `seq`."""

    stage: str
    incarnation: int
    stream: str
    seq: NotNegative
    memory: bytes


class StreamOpened(Struct, frozen=True, array_like=True, tag=8):
    """From a source, before its first frame: a stream, what it is, and how many frames its source expects to make.

    `began` is when a live stream did, by the monotonic clock. Pictures of one that `is_live` cannot be had again.
    """

    source: str
    stream: str
    description: str
    width: int
    height: int
    window: Positive
    expected: int | None
    began: float | None = None
    is_live: bool = False


class Ready(Struct, frozen=True, array_like=True, tag=9):
    """From a worker whose stages are open: where to reach it, and where its notes of frames in hand are.

    `chosen` is what its stages, by name, have chosen for themselves.
    """

    worker: str
    incarnation: int
    pid: Positive
    endpoint: Endpoint
    notes_fd: NotNegative
    chosen: dict[str, dict[str, str]] = {}


class Report(Struct, array_like=True, tag=10):
    """A worker's figures since it started: cumulative, so a lost report is no lost count."""

    worker: str
    incarnation: int
    figures: WorkerFigures


class Span(Struct, frozen=True, array_like=True):
    """A frame at a stage, by the monotonic clock: sent by the previous stage, started, done."""

    stage: str
    stream: str
    seq: int
    sent: float
    started: float
    done: float


class Spans(Struct, frozen=True, array_like=True, tag=22):
    """What a worker has done, if the run is traced."""

    worker: str
    spans: list[Span]


class Trouble(Struct, frozen=True, array_like=True, tag=11):
    """A worker gives up, for a reason that a retry would not fix (a wrong file, an impossible option)."""

    worker: str
    stage: str
    text: str


class CutShort(Struct, frozen=True, array_like=True, tag=16):
    """A source has ended its stream early: frames in flight are written, and the run counts as failed."""

    stage: str
    text: str


class Enough(Struct, frozen=True, array_like=True, tag=23):
    """A sink needs no more frames: sources take none, and the run ends as if they had ended."""

    worker: str
    stage: str
    text: str


class Remark(Struct, frozen=True, array_like=True, tag=12):
    """A line for the log: `level` as in the logging module; `saved` is where a failed frame is that it tells of."""

    worker: str
    level: int
    stage: str
    text: str
    saved: str = ""


class Closed(Struct, frozen=True, array_like=True, tag=13):
    """A worker has closed its stages and is about to exit."""

    worker: str
    incarnation: int


class MadeSafe(Struct, frozen=True, array_like=True, tag=30):
    """The answer to MakeSafe, after all that there was to tell."""

    worker: str
    number: int


class LinkAt(Struct, frozen=True, array_like=True, tag=26):
    """From the end of a link that listens: at which port."""

    worker: str
    incarnation: int
    port: Annotated[int, Meta(gt=0, lt=2**16)]


class ServerReady(Struct, frozen=True, array_like=True, tag=18):
    """From the server: where to reach it."""

    endpoint: Endpoint


class Look(Struct, frozen=True, array_like=True, tag=19):
    """From the server: somebody is watching, and wants pictures this wide."""

    width: Positive


class LetGo(Struct, frozen=True, array_like=True, tag=28):
    """From the server: somebody wants this machine to leave the run."""

    machine: str


class Told(Struct, frozen=True, array_like=True, tag=20):
    """To the server: all that the supervisor knows."""

    snapshot: Snapshot


class Happened(Struct, frozen=True, array_like=True, tag=24):
    """To the server: events, each with its number in the run."""

    events: list[tuple[Positive, Happening]]


class Seen(Struct, frozen=True, array_like=True, tag=21):
    """To the server: a picture that has reached a sink, uint8 BGR, rows packed, one pixel of each `step` squared.

    The packet's boxes are in pixels of the whole picture.
    """

    sink: str
    packet: Packet
    height: Positive
    width: Positive
    step: Positive
    pixels: bytes


ToWorker = Deliver | Ask | Connect | Forward | Mark | Drain | Pause | MakeSafe | Wake | Watch | Exit
FromWorker = (
    Settle
    | Checkpoint
    | StreamOpened
    | Ready
    | Report
    | Spans
    | Trouble
    | CutShort
    | Enough
    | Remark
    | MadeSafe
    | Closed
)
ToSupervisor = FromWorker | LinkAt | ServerReady | Look | LetGo
ToServer = Told | Seen | Happened
Message = ToWorker | ToSupervisor | ToServer

_encoder = msgspec.msgpack.Encoder()
_to_worker: msgspec.msgpack.Decoder[ToWorker] = msgspec.msgpack.Decoder(ToWorker)
_to_server: msgspec.msgpack.Decoder[ToServer] = msgspec.msgpack.Decoder(ToServer)
_to_supervisor: msgspec.msgpack.Decoder[ToSupervisor] = msgspec.msgpack.Decoder(ToSupervisor)

T = TypeVar("T")


class RefusedError(ValueError):
    """A message that is not valid."""


def encode(message: Message) -> bytes:
    """The message's wire format."""
    return _encoder.encode(message)


def forwarded(worker: str, incarnation: int, raw: bytes) -> bytes:
    """A message for a worker on another machine, as a porter takes it."""
    return _encoder.encode(Forward(worker, incarnation, raw))


def decode_for_worker(raw: bytes) -> ToWorker:
    """Decode a message to a worker. Raises RefusedError."""
    return _decode(_to_worker, raw)


def decode_for_supervisor(raw: bytes) -> ToSupervisor:
    """Decode a message to the supervisor. Raises RefusedError."""
    return _decode(_to_supervisor, raw)


def decode_for_server(raw: bytes) -> ToServer:
    """Decode a message to the server. Raises RefusedError."""
    return _decode(_to_server, raw)


def _decode(decoder: "msgspec.msgpack.Decoder[T]", raw: bytes) -> T:
    try:
        return decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise RefusedError(str(error)) from error
