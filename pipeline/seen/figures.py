"""What a worker counts and times: per stage, per stream that it produces, and for itself. Figures only grow."""

from collections import Counter
from collections.abc import Collection
from typing import Self

import msgspec
from msgspec import Struct, field

from framewire.pipeline.seen.histogram import Histogram
from framewire.pipeline.seen.published import Published

MODEL_AND_PROVIDER = "|"
"""Separator in `StageFigures.inference` keys."""
KIND_AND_PLACE = "|"
"""Separator in event tally keys."""


SERIES_MAX = 200
"""Kinds of detections, of events, or of reasons that are counted separately for one stream; any more are OTHER."""
SERIES_TEXT_MAX = 200
"""Characters of the name of a series."""
OTHER = "other"


def series_of(name: str, known: Collection[str]) -> str:
    """The name under which something is counted where these names are known: its own, shortened, or OTHER."""
    short = name[:SERIES_TEXT_MAX]
    return short if short in known or len(known) < SERIES_MAX else OTHER


class EventTally(Struct, array_like=True):
    """Events of one kind at one place: how many, the sum of their values, and the last value."""

    count: int = 0
    total: float = 0.0
    last: float | None = None

    def add(self, other: "EventTally") -> None:
        """Add later events."""
        self.count += other.count
        self.total += other.total
        self.last = other.last if other.last is not None else self.last


class BatchTally(Struct, array_like=True):
    """Calls with the same number of frames: how many, and their total time."""

    calls: int = 0
    total_s: float = 0.0


class StageFigures(Struct, array_like=True):
    """What one stage of one worker has done.

    `count` is frames; `work` the seconds in the stage's own code, a frame's share of a batch; `wait` the seconds from
    the previous stage sending a packet until work began; `end_to_end`, by stream, at sinks, the seconds since capture.
    `batches` tallies calls by their number of frames, `inference` times model calls by MODEL|PROVIDER. `retries` are
    tries of a sink to write what it could not before; if it still cannot, `cannot_write_since` is since when, by the
    monotonic clock. `published` is the account of one that publishes.
    """

    count: int = 0
    work: Histogram = field(default_factory=Histogram)
    cpu_seconds: float = 0.0
    end_to_end: dict[str, Histogram] = {}
    wait: Histogram = field(default_factory=Histogram)
    batches: dict[int, BatchTally] = {}
    inference: dict[str, Histogram] = {}
    facts: dict[str, str] = {}
    retries: int = 0
    cannot_write_since: float | None = None
    published: Published | None = None

    @property
    def calls(self) -> int:
        """Calls to the stage's code."""
        return sum(tally.calls for tally in self.batches.values())

    def called(self, frames: int, seconds: float) -> None:
        """Record a call with its frames and seconds."""
        tally = self.batches.get(frames)
        if tally is None:
            tally = self.batches[frames] = BatchTally()
        tally.calls += 1
        tally.total_s += seconds

    def merge(self, other: "StageFigures") -> None:
        """Add everything `other` has counted."""
        self.count += other.count
        self.work.merge(other.work)
        self.cpu_seconds += other.cpu_seconds
        self.wait.merge(other.wait)
        for stream, histogram in other.end_to_end.items():
            self.end_to_end.setdefault(stream, Histogram()).merge(histogram)
        for size, batch in other.batches.items():
            tally = self.batches.setdefault(size, BatchTally())
            tally.calls += batch.calls
            tally.total_s += batch.total_s
        for model, histogram in other.inference.items():
            self.inference.setdefault(model, Histogram()).merge(histogram)
        self.facts.update(other.facts)
        self.retries += other.retries
        self.cannot_write_since = other.cannot_write_since
        self.published = other.published or self.published


class SourceFigures(Struct, array_like=True):
    """What the source of a stream has seen.

    `source` is the name of the stage. `admitted` counts frames since the stream started, dead workers' included;
    `skipped` (by reason), `damaged` pictures, `reconnects` and frames sent again (`resent`) count since this worker
    started. `state` is one of framewire.pipeline.stage.StreamPhase.
    """

    source: str = ""
    admitted: int = 0
    skipped: dict[str, int] = {}
    damaged: int = 0
    state: str = ""
    reconnects: int = 0
    resent: int = 0

    def merge(self, later: "SourceFigures") -> None:
        """Add what a replacement has seen."""
        self.source = later.source or self.source
        self.admitted = max(self.admitted, later.admitted)
        self.skipped = dict(Counter(self.skipped) + Counter(later.skipped))
        self.damaged += later.damaged
        self.state = later.state or self.state
        self.reconnects += later.reconnects
        self.resent += later.resent


class WorkerFigures(Struct, array_like=True):
    """All of one worker. `resident_bytes` is its memory now; `late` counts pictures gone before it read them."""

    stages: dict[str, StageFigures] = {}
    sources: dict[str, SourceFigures] = {}
    cpu_seconds: float = 0.0
    resident_bytes: int = 0
    refused: int = 0
    late: int = 0
    link_bytes: int = 0
    """Sent to the other machine, by a porter."""

    def copy(self) -> Self:
        """A mutable copy."""
        return msgspec.msgpack.decode(msgspec.msgpack.encode(self), type=type(self))

    def merge(self, later: "WorkerFigures") -> None:
        """Add what a replacement process of the worker has done."""
        for name, figures in later.stages.items():
            self.stages.setdefault(name, StageFigures()).merge(figures)
        for stream, seen in later.sources.items():
            self.sources.setdefault(stream, SourceFigures()).merge(seen)
        self.cpu_seconds += later.cpu_seconds
        self.resident_bytes = later.resident_bytes
        self.refused += later.refused
        self.late += later.late
        self.link_bytes += later.link_bytes
