"""How a run ends: by itself, or told to; and by when all of it must be over."""

import time
from collections.abc import Callable
from enum import StrEnum


class Outcome(StrEnum):
    """How a run ended."""

    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


TOGETHER_S = 0.2
"""Signals within this time are one: `timeout`, for one, signals a process and then its group."""
DRAIN_SHARE = 0.5
"""Of `drain_s`: for so long the frames in flight are waited for; the rest is for closing files."""
KILL_SHARE = 0.75
"""Of `drain_s`: then whoever has not closed its files is killed."""
CLOSING_S = 30.0
"""How long workers may take to close their files in a run that ends by itself, unless a sink needs longer."""
LEFT_S = 0.5
"""A process that is there so long after SIGKILL hangs in the kernel."""


class Ending:
    """Counts signals, and knows the deadlines that follow.

    Example:
        ending = Ending(drain_s=8.0)
        ending.signalled()          # True: stop taking frames
        ending.must_close           # True after four seconds: wait no longer for those in flight
        ending.must_kill            # True after six: whoever is still there never comes back
    """

    def __init__(
        self, drain_s: float, closing_s: float = CLOSING_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`closing_s` is how long workers may take to close in a run that ends by itself."""
        self.interrupts = 0
        self.is_satisfied = False
        self._drain_s = drain_s
        self._closing_s = closing_s
        self._clock = clock
        self._first = 0.0
        self._last = 0.0
        self._closing: float | None = None
        self._killed: float | None = None

    def signalled(self, at: float | None = None) -> bool:
        """A signal to stop has come, now or `at` a time; returns whether it says anything new."""
        now = self._clock() if at is None else at
        is_new = not self.interrupts or now - self._last > TOGETHER_S
        self._last = now
        if not self.interrupts:
            self._first = now
        self.interrupts += is_new
        return is_new

    def satisfied(self) -> bool:
        """Nobody needs more frames; returns whether that is new."""
        was_draining, self.is_satisfied = self.is_draining, True
        return not was_draining

    @property
    def is_draining(self) -> bool:
        """Whether no more frames are to be taken."""
        return self.is_satisfied or self.is_interrupted

    @property
    def is_interrupted(self) -> bool:
        """Whether somebody has told the run to stop."""
        return self.interrupts > 0

    def outcome(self, error: str | None) -> Outcome:
        """How the run ended, if `error` is why it failed."""
        how = Outcome.FAILED if error else Outcome.DONE
        return Outcome.INTERRUPTED if self.is_interrupted else how

    @property
    def is_closing(self) -> bool:
        """Whether the workers were told to close their files."""
        return self._closing is not None

    def close(self) -> None:
        """The workers are told to close their files now."""
        self._closing = self._clock()

    @property
    def left_s(self) -> float:
        """How long workers that are told to close may take."""
        now = self._clock()
        return max(0.0, self._kill_at(now if self._closing is None else self._closing) - now)

    def kill(self) -> None:
        """Those that have not are killed now."""
        self._killed = self._clock()

    @property
    def due(self) -> float | None:
        """When one of the following will be true by itself; None if none will."""
        if self._killed is not None:
            return self._killed + LEFT_S
        if self._closing is not None:
            return self._kill_at(self._closing)
        return self._first + DRAIN_SHARE * self._drain_s if self.interrupts else None

    @property
    def must_close(self) -> bool:
        """Whether frames in flight have been waited for long enough."""
        return self.is_interrupted and not self.is_closing and self._is_due()

    @property
    def must_kill(self) -> bool:
        """Whether the workers have had time enough to close their files."""
        return self.is_closing and self._killed is None and self._is_due()

    @property
    def must_leave(self) -> bool:
        """Whether those that were killed will not go."""
        return self._killed is not None and self._is_due()

    def _is_due(self) -> bool:
        return self.due is not None and self._clock() >= self.due

    def _kill_at(self, closing: float) -> float:
        return self._first + KILL_SHARE * self._drain_s if self.interrupts else closing + self._closing_s
