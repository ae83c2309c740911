"""When a live stream that gives no picture counts as stalled: by its own pace."""

STALLED_S = 1.0
"""Streams that are quick are stalled after this long: it is noticed before a person would."""
PAUSES = 3.0
"""A pause that long, in pauses of the stream's own, is more than jitter."""
HALF_S = 10.0
"""What a pause counts halves in this time: after an outage the stream is soon taken for quick again."""


class Silence:
    """Learns a stream's pauses: one that sends a picture every two seconds, or segments of six, is not stalled.

    All times are seconds by one monotonic clock.

    Example:
        silence = Silence()
        silence.connected(10.0, rate=0.5)
        silence.stalls_at                           # 16.0: three pauses of 2 s
        silence.picture(12.0)
    """

    def __init__(self) -> None:
        self._last = 0.0
        self._pause = 0.0

    def connected(self, now: float, rate: float) -> None:
        """The first picture of a connection; `rate` is what the stream says of itself, 0 for nothing."""
        self._last = now
        if rate > 0:
            self._pause = max(self._pause, min(1 / rate, HALF_S))

    def picture(self, now: float) -> None:
        """A picture has come."""
        pause = now - self._last
        self._pause = max(pause, self._pause * 0.5 ** (pause / HALF_S))
        self._last = now

    @property
    def allowed_s(self) -> float:
        """How long it may be silent."""
        return max(STALLED_S, PAUSES * self._pause)

    @property
    def stalls_at(self) -> float:
        """When it counts as stalled unless a picture comes."""
        return self._last + self.allowed_s
