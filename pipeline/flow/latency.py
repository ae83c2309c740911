"""Latency of a live source: how many frames may be in flight so that each is done in time."""

import math

from framewire.pipeline.flow.window import WINDOW_MIN

RATE_OTHERWISE = 30.0
"""Frames per second of a stream of unknown rate."""
EASY_SHARE = 0.7
"""Frames that take less than this share of the target leave room for one more in flight, to hide uneven times."""
TOLD_AFTER = 60
"""Warn after this many late frames in a row with as few as possible in flight: two seconds."""


def window_for_target(target_s: float, rate: float | None, most: int) -> int:
    """Frames that a source of this rate makes in the target: with more in flight the oldest would be too old."""
    return max(WINDOW_MIN, min(most, math.ceil(target_s * (rate or RATE_OTHERWISE))))


class Admission:
    """How many frames of a window may be in flight: fewer when they come out late, more when there is time to spare.

    Never fewer than a sink may hold back (half a window) plus one to work on, or nothing would move. `late` counts
    consecutive late frames at that minimum.

    Example:
        admission = Admission(target_s=0.2, window=8)
        admission.settled(age_s=0.5)    # too old: admission.limit is 7 from now on
    """

    def __init__(self, target_s: float, window: int) -> None:
        self.target_s = target_s
        self.limit = window
        self.late = 0
        self._most = window
        self._least = window // 2 + 1
        self._easy = 0

    def settled(self, age_s: float) -> bool:
        """A frame was settled this long after its capture; returns whether to warn now that frames are late."""
        if age_s > self.target_s:
            self._easy = 0
            if self.limit > self._least:
                self.limit -= 1
                return False
            self.late += 1
            return self.late == TOLD_AFTER
        self.late = 0
        self._easy = self._easy + 1 if age_s < EASY_SHARE * self.target_s else 0
        if self._easy >= self.limit and self.limit < self._most:
            self.limit += 1
            self._easy = 0
        return False
