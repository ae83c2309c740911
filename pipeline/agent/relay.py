"""Between a machine's workers and its line: what they say goes home, what is said to them comes back."""

import time
from collections.abc import Iterable

import msgspec
import zmq

from framewire.pipeline.agent.failed_frames import FailedFrames
from framewire.pipeline.agent.lent_files import LentFiles
from framewire.pipeline.crew.crew import Crew
from framewire.pipeline.crew.worker_record import Life
from framewire.pipeline.line.clock import ClockOffset, told_by
from framewire.pipeline.line.said import Busy, FromAgent, Pictured, Relayed
from framewire.pipeline.link.process import PorterBoot
from framewire.pipeline.processes.deadline import DeadlineAt
from framewire.pipeline.wire.inbox import Inbox, new_endpoint
from framewire.pipeline.wire.message import (
    Closed,
    Ready,
    RefusedError,
    Remark,
    ToSupervisor,
    Trouble,
    Watch,
    decode_for_server,
    decode_for_supervisor,
    decode_for_worker,
    encode,
)
from framewire.pipeline.wire.refused import Refusals
from framewire.pipeline.worker.process import Boot

PICTURE_WIDTH = 320
"""Of the pictures for the live page: they cross the network as they are."""
PICTURE_EVERY_S = 0.5


class Relay:
    """The supervisor that the workers of this machine know: it passes on what they say."""

    def __init__(
        self,
        crew: Crew,
        machine: str,
        offset: ClockOffset,
        deadline: DeadlineAt,
        files: LentFiles,
        frames: FailedFrames,
    ) -> None:
        """`deadline`: until when sinks of this machine may write."""
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.inbox = Inbox(self._context, new_endpoint(machine, "agent"))
        self.refusals = Refusals(f"the agent {machine}")
        self._crew = crew
        self._machine = machine
        self._offset = offset
        self._deadline = deadline
        self._files = files
        self._frames = frames
        crew.begin(self._context)

    def started(self, worker: str, boot: bytes, out: str, folder: str) -> bytes:
        """A worker is to be started: the same boot, but with this machine's folders, and us for its supervisor."""
        given = msgspec.msgpack.decode(boot, type=Boot | PorterBoot)
        record = self._crew.workers[worker]
        record.incarnation, record.life, record.has_said_why = given.incarnation, Life.STARTING, False
        if isinstance(given, PorterBoot):
            return msgspec.msgpack.encode(msgspec.structs.replace(given, supervisor=self.inbox.endpoint))
        spec = msgspec.structs.replace(self._files.given(given.spec), folder=folder)
        own = msgspec.structs.replace(
            given, spec=spec, supervisor=self.inbox.endpoint, out=out, deadline=self._deadline
        )
        return msgspec.msgpack.encode(own)

    def heard(self, raw: bytes) -> Iterable[FromAgent]:
        """A message in the inbox: what goes home."""
        try:
            message = decode_for_supervisor(raw)
        except RefusedError as error:
            try:
                decode_for_server(raw)
            except RefusedError:
                self.refusals.take(raw, error)
                return ()
            return [Pictured(raw)]
        self._note(message)
        if isinstance(message, Remark) and message.saved:
            there = msgspec.structs.replace(message, text=f"{message.text}, on {self._machine}", saved="")
            return [self._frames.offer(message) or Relayed(encode(there))]
        return [Relayed(encode(told_by(message, self._offset.seconds)))]

    def _note(self, message: ToSupervisor) -> None:
        match message:
            case Ready():
                worker = self._crew.workers.get(message.worker)
                if worker is not None and worker.incarnation == message.incarnation:
                    worker.is_ready(message, self._crew.handle_of(worker))
            case Trouble() | Closed():
                worker = self._crew.workers.get(message.worker)
                if worker is not None:
                    worker.said_why()

    def pass_on(self, worker: str, raw: bytes) -> None:
        """A message for a worker, by this machine's clock."""
        record = self._crew.workers[worker]
        message = decode_for_worker(raw)
        if isinstance(message, Watch):
            every_s, width = max(message.every_s, PICTURE_EVERY_S), min(message.width, PICTURE_WIDTH)
            message = Watch(self.inbox.endpoint, message.seconds, every_s, width)
        record.send(told_by(message, -self._offset.seconds))

    def busy(self) -> list[Busy]:
        """The workers that are on a call."""
        now = time.monotonic()
        calls = {worker.name: worker.call() for worker in self._crew.workers.values()}
        return [
            Busy(name, call.frames, None if call.since is None else now - call.since)
            for name, call in calls.items()
            if call is not None
        ]

    def stopped(self) -> list[str]:
        """The workers that somebody has stopped."""
        return [worker.name for worker in self._crew.workers.values() if worker.is_stopped]

    def close(self) -> None:
        """Close the sockets."""
        self.inbox.close()
        self._context.destroy(linger=0)
