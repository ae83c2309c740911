"""An event on its own, as /events and `framewire events` show it; docs/results.md documents it."""

import msgspec

from framewire.pipeline.frame.happening import Happening
from framewire.pipeline.result.result import SECOND_DIGITS, EventResult, event_result, iso_time


class EventLine(EventResult, frozen=True, omit_defaults=True, kw_only=True):
    """An event, its number in the run from 1 on, and its frame: see EventResult and FrameResult."""

    id: int
    stream: str
    seq: int
    pts: float
    time: str | None = None


def event_line(number: int, happening: Happening) -> EventLine:
    """The line of a happening."""
    return EventLine(
        **msgspec.structs.asdict(event_result(happening.event)),
        id=number,
        stream=happening.stream,
        seq=happening.seq,
        pts=round(happening.pts, SECOND_DIGITS),
        time=None if happening.taken_ms is None else iso_time(happening.taken_ms),
    )
