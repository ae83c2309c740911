"""Calls that take too long: told at a third of what a stage may take, killed after all of it."""

import logging
import math
import time
from collections.abc import Iterable

from msgspec import Struct

from framewire.pipeline.crew.worker_record import Life, WorkerRecord
from framewire.pipeline.graph.spec import STUCK_AFTER_S, PipelineSpec
from framewire.pipeline.nodes.notes import Call, FrameInHand

TOLD_AFTER = 1 / 3
"""Share of `stuck_after_s` after which the run is no longer ready, and the log says why."""
LOOKS = 6
"""In the shortest `stuck_after_s` of the run: nothing is told much later than it should be."""

_NURSERY = "=nursery"
SAME_S = 1e-3
"""Two calls do not begin within this time of each other and then take long."""

log = logging.getLogger("framewire")


class _Told(Struct):
    """Of a worker: since when it has been on a call, and how long it had been when that was told last."""

    since: float
    at: float


class StuckWatch:
    """Looks at the workers' notes now and then.

    Example:
        watch = StuckWatch(spec)
        for frame in watch.look(workers, time.monotonic()):
            ...                    # it never ended: its stage must not touch it again
    """

    def __init__(self, spec: PipelineSpec) -> None:
        # A source may wait for its pictures for as long as it likes.
        self._limits = {stage.name: stage.stuck_after_s for stage in spec.stages if stage.kind != "source"}
        shortest = min((limit for limit in self._limits.values() if limit), default=math.inf)
        self._every_s = shortest / LOOKS
        self._due = 0.0
        self._told: dict[str, _Told] = {}
        self._stopped: dict[str, float] = {}

    @property
    def due(self) -> float | None:
        """When to look next, by the monotonic clock; None if no stage has a limit."""
        return self._due if math.isfinite(self._every_s) else None

    def is_due(self, now: float) -> bool:
        """Whether it is time to look."""
        return self.due is not None and now >= self.due

    @property
    def is_any_stuck(self) -> bool:
        """Whether any worker has been on one call for too long to be ready."""
        return bool(self._told)

    def look(self, workers: Iterable[WorkerRecord], now: float) -> list[FrameInHand]:
        """If it is due, tell what takes long, and kill who has been stuck for long enough.

        Returns the frames that are to blame: those that were alone in their call.
        """
        if not self.is_due(now):
            return []
        self._due = now + self._every_s
        to_blame: list[FrameInHand] = []
        for worker in workers:
            is_up = worker.life is Life.READY and worker.handle is not None
            call = worker.call() if is_up else None
            seconds, limit = self._of(call, now)
            if call is None and is_up and worker.is_stopped:
                seconds, limit = self._stopped_for(worker.name, now), self._patience(worker)
            else:
                self._stopped.pop(worker.name, None)
            frames = call.frames if call is not None else []
            if not limit or seconds < limit * TOLD_AFTER:
                self._told.pop(worker.name, None)
            elif seconds < limit:
                self._tell(worker.name, frames, now - seconds, seconds)
            else:
                self._told.pop(worker.name, None)
                what = f"has been on {named(frames)}" if frames else "has been stopped"
                log.error("%s %s for %.0f s: killing it", worker.name, what, seconds)
                worker.kill()
                to_blame += frames if len(frames) == 1 else []
                continue
            if limit:
                told = self._told.get(worker.name)
                ahead = [limit, limit * TOLD_AFTER if told is None else 2 * told.at]
                self._due = min([self._due, *(now - seconds + at for at in ahead if at > seconds)])
        return to_blame

    def must_nursery_go(self, is_stopped: bool, now: float) -> bool:
        """Whether somebody has stopped the nursery for so long that it must be replaced: no death would be told."""
        if not is_stopped:
            self._stopped.pop(_NURSERY, None)
            return False
        return self._stopped_for(_NURSERY, now) >= STUCK_AFTER_S

    def _stopped_for(self, worker: str, now: float) -> float:
        return now - self._stopped.setdefault(worker, now)

    def _patience(self, worker: WorkerRecord) -> float:
        """How long a worker may be stopped: as long as the most patient of its stages may take."""
        return max((self._limits.get(stage, STUCK_AFTER_S) for stage in worker.process.stages), default=STUCK_AFTER_S)

    def _of(self, call: Call | None, now: float) -> tuple[float, float]:
        """Seconds of the call, and how many it may take; 0 if it may take any."""
        if call is None or call.since is None:
            return 0.0, 0.0
        return now - call.since, self._limits.get(call.frames[0].stage, 0.0)

    def _tell(self, worker: str, frames: list[FrameInHand], since: float, seconds: float) -> None:
        told = self._told.get(worker)
        if told is not None and abs(told.since - since) < SAME_S and seconds < 2 * told.at:
            return
        self._told[worker] = _Told(since, seconds)
        if frames:
            log.warning("%s has been on %s for %.0f s", frames[0].stage, named(frames), seconds)
        else:
            log.warning("%s has been stopped for %.0f s", worker, seconds)


def named(frames: list[FrameInHand]) -> str:
    """The frames in words."""
    first = f"frame {frames[0].seq} of {frames[0].stream}"
    return first if len(frames) == 1 else f"{first} and {len(frames) - 1} others"


def seconds_on(call: Call | None) -> float:
    """How long a call has been in progress."""
    return time.monotonic() - call.since if call is not None and call.since is not None else 0.0
