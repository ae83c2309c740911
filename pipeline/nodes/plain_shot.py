"""What a source has said of a picture, made plain: NumPy's numbers become Python's, and what cannot be is named."""

from typing import Any

from framewire.pipeline.frame.answer import (
    INT_MAX,
    InvalidAnswerError,
    plain_count,
    plain_flag,
    plain_ratio,
    plain_text,
    plain_times,
)
from framewire.pipeline.frame.shot import Shot

LATEST_MS = 253_402_300_799_999
"""The last millisecond of the year 9999: what a date can say."""


class PlainShots:
    """Takes the shots of one source. Most are like the last: then only the time differs, and is looked at."""

    def __init__(self) -> None:
        self._last = Shot(0, (1, 1))

    def take(self, shot: Shot) -> Shot:
        """The shot in plain Python values. Raises InvalidAnswerError."""
        last = self._last
        if (
            shot.time_base is last.time_base
            and shot.rate is last.rate
            and shot.failed is last.failed
            and shot.damaged is last.damaged
            and shot.replaced is last.replaced
            and shot.cut is last.cut
            and shot.pixel_aspect is last.pixel_aspect
            and shot.file is last.file
            and type(shot.pts) is int
            and -INT_MAX <= shot.pts <= INT_MAX
            and (shot.taken_ms is None or (type(shot.taken_ms) is int and 0 <= shot.taken_ms <= LATEST_MS))
        ):
            return shot
        self._last = plain = plain_shot(shot)
        return plain


def plain_shot(shot: Shot) -> Shot:
    """The shot in plain Python values. Raises InvalidAnswerError."""
    if _is_plain(shot):
        return shot
    pts, time_base, rate = plain_times(shot.pts, shot.time_base, shot.rate)
    pixel_aspect = None if shot.pixel_aspect is None else plain_ratio(shot.pixel_aspect, "pixel_aspect")
    return Shot(
        pts,
        time_base,
        rate,
        failed=plain_text(shot.failed, "failed"),
        damaged=plain_flag(shot.damaged, "damaged"),
        replaced=plain_count(shot.replaced, "replaced"),
        cut=plain_flag(shot.cut, "cut"),
        pixel_aspect=pixel_aspect,
        taken_ms=None if shot.taken_ms is None else _taken(shot.taken_ms),
        file=plain_text(shot.file, "file"),
    )


def _is_plain(shot: Shot) -> bool:
    """Whether nothing needs to be done about it, as about most: quickly, and seldom by mistake false."""
    return (
        type(shot.pts) is int
        and -INT_MAX <= shot.pts <= INT_MAX
        and _is_plain_ratio(shot.time_base)
        and (shot.rate is None or _is_plain_ratio(shot.rate))
        and type(shot.failed) is str
        and not shot.failed
        and type(shot.damaged) is type(shot.cut) is bool
        and type(shot.replaced) is int
        and 0 <= shot.replaced <= INT_MAX
        and (shot.pixel_aspect is None or _is_plain_ratio(shot.pixel_aspect))
        and (shot.taken_ms is None or (type(shot.taken_ms) is int and 0 <= shot.taken_ms <= LATEST_MS))
        and type(shot.file) is str
        and shot.file.isascii()
    )


def _taken(value: Any) -> int:
    number = plain_count(value, "taken_ms")
    if number > LATEST_MS:
        raise InvalidAnswerError(f"taken_ms must be milliseconds since 1970, not {number}")
    return number


def _is_plain_ratio(value: Any) -> bool:
    return (
        type(value) is tuple
        and len(value) == 2
        and type(value[0]) is type(value[1]) is int
        and 0 < value[0] <= INT_MAX
        and 0 < value[1] <= INT_MAX
    )
