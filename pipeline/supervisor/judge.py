"""Which frames are condemned: those that keep killing their stage's workers, and those from which none returns."""

import logging

from framewire.pipeline.crew.crew import Crew
from framewire.pipeline.crew.restart import Blame
from framewire.pipeline.crew.stuck import StuckWatch
from framewire.pipeline.crew.worker_record import WorkerRecord
from framewire.pipeline.graph.spec import PipelineSpec
from framewire.pipeline.ledger.bookkeeping import Bookkeeping
from framewire.pipeline.nodes.notes import FrameInHand
from framewire.pipeline.wire.message import Condemned

log = logging.getLogger("framewire")


class Judge:
    """Condemns frames, in the books, and ends the workers that are stuck on one."""

    def __init__(self, spec: PipelineSpec, books: Bookkeeping, crew: Crew) -> None:
        self._books = books
        self._crew = crew
        self._blame = Blame(books.condemned)
        self._stuck = StuckWatch(spec)

    @property
    def due(self) -> float | None:
        """When `look` has something to do, by the monotonic clock; None if it never has."""
        return self._stuck.due

    @property
    def is_any_stuck(self) -> bool:
        """Whether any worker has been on one call for too long to be ready."""
        return self._stuck.is_any_stuck

    def look(self, now: float) -> None:
        """If it is due: the frames of calls that never end are condemned at once."""
        if not self._stuck.is_due(now):
            return
        for frame in self._stuck.look(self._crew.workers.values(), now):
            if self._blame.convict(frame):
                self._books.condemn(frame.stage, frame.stream, frame.seq)
        if self._stuck.must_nursery_go(self._crew.is_nursery_stopped, now):
            log.error("the process that starts the workers has been stopped: killing it")
            self._crew.kill_nursery()

    def died_with(self, worker: WorkerRecord, in_hand: list[FrameInHand]) -> None:
        """A worker has died with these frames in hand."""
        for frame in self._blame.died_with(in_hand):
            self._books.condemn(frame.stage, frame.stream, frame.seq)
            log.error(
                "%s has died on frame %d of %s three times: the frame counts as failed",
                *(worker.name, frame.seq, frame.stream),
            )

    def condemned(self) -> list[Condemned]:
        """All frames that their stage must not touch again."""
        return self._blame.condemned()

    def suspects(self) -> list[Condemned]:
        """Frames that were in hand at one death, or two."""
        return self._blame.suspects()
