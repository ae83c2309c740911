"""The lease of an agent: without a fresh one it ends itself, and only after that is it replaced.

The agent asks; the run grants only what it hears. The lease counts from when the agent *sent* the ask that was
granted, by the agent's own clock, so a slow network shortens it and never lengthens it. The run waits longer than the
lease, counted from when it *granted* last, which is later than the agent's beginning of it.
"""

from collections.abc import Callable

ASKS = 4
"""Asks per lease: three may be lost."""
SLOWER = 1.1
"""How much slower than ours an agent's clock may run."""
GOING_S = 0.5
"""How long an agent whose lease is out may take to end itself and its workers."""


class Lease:
    """The agent's side; times are seconds of the agent's monotonic clock."""

    def __init__(self, seconds: float, now: float, tell: Callable[[float], None] = lambda until: None) -> None:
        """The lease begins `now`: when the agent sent the greeting that was answered.

        `tell` hears until when it runs, whenever that changes.
        """
        self.seconds = seconds
        self._tell = tell
        self._until = now + seconds
        self._ask_at = now
        tell(self._until)

    def ask_due(self, now: float) -> bool:
        """Whether to ask for it again, now; counts as done."""
        if now < self._ask_at:
            return False
        self._ask_at = now + self.seconds / ASKS
        return True

    def granted(self, asked_at: float) -> None:
        """An ask that was sent then is granted."""
        self._until = max(self._until, asked_at + self.seconds)
        self._tell(self._until)

    def end(self) -> None:
        """It is not granted any more."""
        self._until = 0.0
        self._tell(self._until)

    def is_out(self, now: float) -> bool:
        """Whether to end."""
        return now >= self._until

    @property
    def due(self) -> float:
        """When `ask_due` or `is_out` will be true by itself."""
        return min(self._ask_at, self._until)


class Grant:
    """The run's side; times are seconds of the run's monotonic clock."""

    def __init__(self, seconds: float, now: float) -> None:
        self._wait_s = seconds * SLOWER + GOING_S
        self._at = now

    def granted(self, now: float) -> None:
        """An ask was heard, and is granted."""
        self._at = now

    @property
    def over_at(self) -> float:
        """From then on the agent and its workers are gone, or never were."""
        return self._at + self._wait_s
