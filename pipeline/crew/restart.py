"""When a dead worker is restarted, when a run is given up, and which frame is to blame."""

from collections import Counter, deque
from collections.abc import Sequence

from framewire.pipeline.graph.spec import RestartSpec
from framewire.pipeline.nodes.notes import FrameInHand
from framewire.pipeline.wire.message import Condemned

FIRST_DELAY_S = 0.1
"""The first restart is almost immediate: most crashes are one-off."""
DELAY_MAX_S = 5.0
"""Repeated crashes are retried at most every five seconds."""
STRIKES = 3
"""A frame that was in hand at three deaths of its stage is condemned: one may be chance, two a coincidence."""
SUSPECTED = "suspected"
CRASHED = "crashed"
"""The reason if a frame kept killing a stage."""


class RestartPolicy:
    """The deaths of one worker."""

    def __init__(self, spec: RestartSpec) -> None:
        self._spec = spec
        self._deaths: deque[float] = deque()

    def died(self, now: float) -> float | None:
        """A death at `now` (seconds of any monotonic clock): when to start again, or None to give up."""
        self._deaths.append(now)
        while self._deaths[0] < now - self._spec.within_s:
            self._deaths.popleft()
        if len(self._deaths) > self._spec.limit:
            return None
        return now + min(DELAY_MAX_S, FIRST_DELAY_S * 2 ** (len(self._deaths) - 1))


class Blame:
    """Counts the deaths with each frame in hand."""

    def __init__(self, condemned: Sequence[Condemned] = ()) -> None:
        """`condemned` are frames that were condemned before the run was resumed."""
        self._strikes: Counter[FrameInHand] = Counter(
            {FrameInHand(frame.stage, frame.stream, frame.seq): STRIKES for frame in condemned}
        )

    def died_with(self, frames: list[FrameInHand]) -> list[FrameInHand]:
        """A worker died with these frames in hand; returns those that this condemns."""
        self._strikes.update(frames)
        return [frame for frame in frames if self._strikes[frame] == STRIKES]

    def convict(self, frame: FrameInHand) -> bool:
        """This frame is to blame for certain; returns whether that is new."""
        before, self._strikes[frame] = self._strikes[frame], max(STRIKES, self._strikes[frame])
        return before < STRIKES

    def suspects(self) -> list[Condemned]:
        """Frames in hand at one death, or two."""
        return [
            Condemned(frame.stage, frame.stream, frame.seq, SUSPECTED)
            for frame, strikes in self._strikes.items()
            if strikes < STRIKES
        ]

    def condemned(self) -> list[Condemned]:
        """All frames that their stage must not touch again."""
        return [
            Condemned(frame.stage, frame.stream, frame.seq, CRASHED)
            for frame, strikes in self._strikes.items()
            if strikes >= STRIKES
        ]
