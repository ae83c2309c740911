"""The supervisor's record of one worker."""

from enum import Enum
from pathlib import Path

import msgspec

from framewire.pipeline.crew.handle import Handle
from framewire.pipeline.crew.restart import RestartPolicy
from framewire.pipeline.graph.plan import Process
from framewire.pipeline.graph.spec import PipelineSpec
from framewire.pipeline.ledger.bookkeeping import Bookkeeping
from framewire.pipeline.link.link_socket import LinkBoot
from framewire.pipeline.link.process import PorterBoot
from framewire.pipeline.nodes.notes import Call, FrameInHand
from framewire.pipeline.wire.message import Message, Peer, Ready, encode
from framewire.pipeline.worker.process import Boot


class Life(Enum):
    """The state of a worker."""

    WAITING = "waiting"  # to be started, at `start_at`
    STARTING = "starting"
    READY = "ready"
    GONE = "gone"  # closed, or given up


class WorkerRecord:
    """The supervisor's record of one worker."""

    def __init__(self, process: Process, replica: int, policy: RestartPolicy) -> None:
        self.name = process.workers[replica]
        self.process = process
        self.replica = replica
        self.machine = process.machine_of(replica)
        """Where it runs; empty: where the command does."""
        self.policy = policy
        self.incarnation = -1
        self.life = Life.WAITING
        self.start_at = 0.0
        self.handle: Handle | None = None
        """Its process, while there is one."""
        self.peer: Peer | None = None
        """Where it is, while it is ready."""
        self.has_said_why = False
        """Whether its last message is here, by which it ends."""

    def is_ready(self, message: Ready, handle: Handle) -> None:
        """It has opened its stages, and is reached by `handle`."""
        self.life = Life.READY
        self.peer = Peer(message.endpoint, self.incarnation)
        self.handle = handle
        handle.opened(message)

    def said_why(self) -> None:
        """It has said that it ends, and why."""
        self.life, self.has_said_why = Life.GONE, True

    def died(self) -> list[FrameInHand]:
        """Its process is gone; returns the frames that it had in hand."""
        in_hand = self.handle.in_hand() if self.handle is not None else []
        self.close()
        return in_hand

    def start(
        self,
        spec: PipelineSpec,
        supervisor: str,
        out: Path,
        trace_every: int,
        books: Bookkeeping,
        link: LinkBoot | None = None,
    ) -> bytes:
        """Its next life begins: what the nursery must give it; a porter needs its `link`."""
        self.incarnation += 1
        self.has_said_why = False
        self.life = Life.STARTING
        if link is not None:
            return msgspec.msgpack.encode(PorterBoot(spec.name, self.name, self.incarnation, supervisor, link))
        boot = Boot(
            spec,
            self.process.name,
            self.replica,
            self.incarnation,
            supervisor,
            str(out),
            trace_every,
            books.is_resumed and self.incarnation == 0,
            {stage: books.chosen.get(stage, {}) for stage in self.process.stages},
            books.run,
        )
        return msgspec.msgpack.encode(boot)

    def call(self) -> Call | None:
        """What it is working on."""
        return self.handle.call() if self.handle is not None else None

    @property
    def is_stopped(self) -> bool:
        """Whether somebody has stopped its process."""
        return self.handle is not None and self.handle.is_stopped

    def kill(self) -> None:
        """End its process; its death is news that comes."""
        if self.handle is not None:
            self.handle.kill()

    def send(self, message: Message) -> None:
        """Send it a message, if it is ready."""
        if self.handle is not None:
            self.handle.send(encode(message))

    def close(self) -> None:
        """Nothing more is sent to it."""
        if self.handle is not None:
            self.handle.close()
        self.peer, self.handle = None, None
