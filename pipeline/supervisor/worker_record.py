"""The supervisor's record of one worker."""

from enum import Enum

from framewire.pipeline.graph.plan import Process
from framewire.pipeline.nodes.notes import NotesReader
from framewire.pipeline.supervisor.restart import RestartPolicy
from framewire.pipeline.wire.inbox import Outbox


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
        self.policy = policy
        self.incarnation = -1
        self.life = Life.WAITING
        self.start_at = 0.0
        self.pid: int | None = None
        self.outbox: Outbox | None = None
        self.notes: NotesReader | None = None
