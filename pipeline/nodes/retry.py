"""When what could not be written is tried again, and when that is given up."""

import math
import time
from collections.abc import Callable

PAUSES_S = (0.5, 1.0, 2.0, 5.0)
"""Seconds until the next try; the last one from then on."""


class Retry:
    """The tries of one stream at a sink.

    Example:
        retry = Retry(patience_s=60.0)
        while not write():
            if not retry.failed():
                break               # for sixty seconds nothing could be written
            sleep_until(retry.at)
        retry.succeeded()           # seconds that it took, None if it never failed
    """

    def __init__(self, patience_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        """With a `patience_s` of 0, the first failure is the last; with infinity, none is."""
        self.since: float | None = None
        """When the first of the failures in a row was, by the clock; None if the last try succeeded."""
        self.at = math.inf
        """When to try again."""
        self.tries = 0
        """Failures in a row."""
        self._was_full = False
        self._patience_s = patience_s
        self._clock = clock

    @property
    def is_full(self) -> bool:
        """Whether it waits for `woken`."""
        return self.since is not None and self.at == math.inf

    def failed(self) -> bool:
        """A try has failed; returns whether another is worth it."""
        now = self._clock()
        if self.since is None or self._was_full:
            # Waiting for room was nobody's failure.
            self.since, self.tries, self._was_full = now, 0, False
        end = self.since + self._patience_s
        if now >= end:
            return False
        self.at = min(now + PAUSES_S[min(self.tries, len(PAUSES_S) - 1)], end)
        self.tries += 1
        return True

    def full(self) -> None:
        """There is no room: `woken` will tell when there is."""
        if self.since is None:
            self.since = self._clock()
        self.at, self._was_full = math.inf, True

    def woken(self) -> None:
        """There may be room now."""
        if self.is_full:
            self.at = self._clock()

    def wait(self) -> None:
        """It cannot be tried now: what is to be written is not there."""
        self.at = self._clock() + PAUSES_S[0]

    def succeeded(self) -> float | None:
        """A try has succeeded; returns how many seconds it took, None if none had failed."""
        if self.since is None:
            return None
        seconds = self._clock() - self.since
        self.since, self.at, self._was_full = None, math.inf, False
        return seconds
