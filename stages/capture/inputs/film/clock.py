"""A film's clock: times begin at 0 with the first picture and ascend, whatever the container says."""

from fractions import Fraction

GAP_S = 10
"""In containers whose clock may jump, a longer step forward is a jump. FFmpeg's own limit (dts_delta_threshold)."""
JUMPING = frozenset({"mpegts", "mpeg", "hls", "flv", "concat"})
"""Containers that are cut and joined as they are, so that their clock may jump. In others a gap is a pause."""


class FilmClock:
    """Mends times, in seconds, one by one. A jump back, as in joined recordings, costs one frame's time.

    Example:
        clock = FilmClock(Fraction(1, 25), may_jump=True)
        [clock.mend(Fraction(t, 25)) for t in (36000, 36001, 3, 4)]     # 0, 1/25, 2/25, 3/25
        clock.jumps                                                     # 1
    """

    def __init__(self, step: Fraction, may_jump: bool) -> None:
        """`step` is how long a frame lasts, as far as is known."""
        self.jumps = 0
        self._step = step
        self._may_jump = may_jump
        self._shift = Fraction(0)
        self._last: Fraction | None = None

    def mend(self, seconds: Fraction) -> Fraction:
        """The time of the next picture, in seconds since the first one."""
        if self._last is None:
            self._shift, self._last = -seconds, Fraction(0)
            return self._last
        time = seconds + self._shift
        if time <= self._last - self._step or (self._may_jump and time > self._last + GAP_S):
            self.jumps += 1
            self._shift += self._last + self._step - time
            time = self._last + self._step
        elif time <= self._last:
            # Two pictures for one moment: the second is shown at once, and moves none after it.
            time = self._last + self._step / 8
        self._last = time
        return time
