"""What is said of a stream that is down: each reason once, then once an hour how often it was tried."""

import time
from collections.abc import Callable

AGAIN_S = 3600.0
"""Seven dead cameras that are tried every second and a half would fill a log."""
STEADY_S = 60.0
"""A stream that was live for so long has left its troubles behind: the next is news."""


class Outage:
    """Decides which failures, and which connections, are worth a line.

    Example:
        outage = Outage()
        outage.failed("no answer", live_s=0.0)     # "no answer"
        outage.failed("no answer", live_s=0.0)     # ""
        outage.is_over()                           # True: say that it is live
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._told: dict[str, float] = {}
        self._silent = 0
        self._is_live_told = False

    def failed(self, why: str, live_s: float) -> str:
        """What to say of a connection that failed, or ended after `live_s` seconds; empty for nothing."""
        if live_s >= STEADY_S:
            self._told.clear()
            self._silent = 0
        now = self._clock()
        told = self._told.get(why)
        if told is not None and now - told < AGAIN_S:
            self._silent += 1
            return ""
        text = why if told is None else f"{why}; still so, after {self._silent} more tries"
        self._told[why] = now
        self._silent, self._is_live_told = 0, False
        return text

    def is_over(self) -> bool:
        """It is live; returns whether to say so: at first, and after each failure that was told."""
        is_news, self._is_live_told = not self._is_live_told, True
        return is_news
