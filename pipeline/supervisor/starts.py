"""Which workers are to be started when, and with what."""

import logging
import time
from pathlib import Path

from framewire.pipeline.crew.crew import Crew
from framewire.pipeline.crew.links import Links
from framewire.pipeline.crew.worker_record import Life, WorkerRecord
from framewire.pipeline.graph.plan import Plan
from framewire.pipeline.graph.spec import HOME, PipelineSpec
from framewire.pipeline.ledger.bookkeeping import Bookkeeping
from framewire.pipeline.ledger.choices import other_choices
from framewire.pipeline.wire.message import LinkAt, Ready

log = logging.getLogger("framewire")


class Starts:
    """Starts workers as soon as there is somebody to do so, and for a porter somebody to call."""

    def __init__(
        self, spec: PipelineSpec, plan: Plan, out: Path, crew: Crew, books: Bookkeeping, trace_every: int
    ) -> None:
        self.links = Links(plan, crew.workers, crew.host_of, spec.links)
        self._spec = spec
        self._out = out
        self._crew = crew
        self._books = books
        self._trace_every = trace_every

    @property
    def due(self) -> float | None:
        """When the next worker is to be started, by the monotonic clock; None if none is."""
        waiting = (worker for worker in self._crew.workers.values() if worker.life is Life.WAITING)
        return min((worker.start_at for worker in waiting if self._may(worker)), default=None)

    def start_due(self, supervisor: str) -> None:
        """Start who is due; `supervisor` is its inbox."""
        now = time.monotonic()
        for worker in self._crew.workers.values():
            if worker.life is Life.WAITING and worker.start_at <= now and self._may(worker):
                link = self.links.boot(worker)
                boot = worker.start(self._spec, supervisor, self._out, self._trace_every, self._books, link)
                self._crew.spawn(worker.name, boot)

    def chose(self, message: Ready) -> str:
        """What the stages of a worker have chosen; returns why the run cannot go on, if frames would get either answer.

        Where whole streams are dealt out, each gets one, and that is only told.
        """
        machine = self._crew.workers[message.worker].machine or HOME
        for one in other_choices(self._spec, self._books.chosen, message.chosen):
            text = f"{one.stage}: {one.what} is {one.chosen} on {machine}, {one.theirs} elsewhere"
            if one.is_replica:
                return f"{text}; replicas must give the same answers: set it in the file, or install what is missing"
            log.warning("%s (%s): their streams may get different answers", text, one.other)
        self._books.chose(message.chosen)
        return ""

    def listens(self, message: LinkAt) -> None:
        """A porter says where it listens: the other end of its link may start."""
        self.links.listens(message)

    def _may(self, worker: WorkerRecord) -> bool:
        return self._crew.may_start(worker) and self.links.may_start(worker)
