"""All that the supervisor knows at one moment, as shown by the summary, metrics, page and terminal."""

import time
from collections.abc import Iterable

from msgspec import Struct, field

from framewire.pipeline.seen.figures import EventTally, StageFigures
from framewire.pipeline.seen.histogram import Histogram
from framewire.pipeline.seen.machine import LinkNow, MachineNow
from framewire.pipeline.seen.published import Published

LONG_S = 3.0
"""No call of a stage that works takes so long that a person would want to know."""


class Frames(Struct):
    """Frames by outcome: admitted = written + dropped + failed + in_flight, at any moment."""

    admitted: int = 0
    written: int = 0
    dropped: dict[str, int] = {}
    failed: dict[str, int] = {}
    in_flight: int = 0


class WorkerNow(Struct):
    """One worker: `up` once its stages are open; CPU seconds cover all its processes so far.

    `machine` is where it runs, if the run has several; `link` the direction of a link, `home>n1`, at whose beginning
    it is: then it runs no stage.
    """

    name: str
    up: bool
    restarts: int
    cpu_seconds: float
    resident_bytes: int
    refused: int
    late: int
    machine: str = ""
    link: str = ""


class StageNow(Struct):
    """One stage and its figures per worker. `cpu_seconds` is its share of its workers' CPU seconds.

    `searches_width`: it has an option `width` for the picture it works on. `in_call_s` are the seconds of its calls in
    progress, which no figure holds yet; `longest` names the frame of the one that takes longest, `longest_s` how long.
    A sink that `skips` frames when it cannot keep up has skipped `skipped`; `cannot_write_s` is how long one has been
    trying in vain to write, 0 if it is not. `cpu_on` are its CPU seconds on each of the run's machines, if it has
    several; `waits_for` names those that a worker of it waits for.
    """

    name: str
    use: str
    kind: str
    inputs: tuple[str, ...]
    replicas: int
    restarts: int
    cpu_seconds: float
    may_have_replicas: bool
    searches_width: bool
    workers: dict[str, StageFigures]
    in_call_s: float = 0.0
    longest: str = ""
    longest_s: float = 0.0
    skips: bool = False
    skipped: int = 0
    cannot_write_s: float = 0.0
    cpu_on: dict[str, float] = {}
    waits_for: tuple[str, ...] = ()

    @property
    def trouble(self) -> str:
        """What it has been doing for too long, such as `has been on frame 5 of film for 12 s`; empty if nothing."""
        if self.longest_s >= LONG_S:
            return f"has been on {self.longest} for {self.longest_s:.0f} s"
        if self.cannot_write_s:
            return f"has not been able to write for {self.cannot_write_s:.0f} s"
        published = self.published
        if published is not None and published.down_since is not None:
            since = time.strftime("%H:%M:%S", time.localtime(published.down_since))
            return f"has not delivered since {since} ({published.trouble})"
        return ""

    @property
    def published(self) -> Published | None:
        """The account of a sink that publishes."""
        return self.total().published

    def total(self) -> StageFigures:
        """All its workers combined."""
        total = StageFigures()
        for figures in self.workers.values():
            total.merge(figures)
        return total

    def end_to_end(self, stream: str | None = None) -> Histogram:
        """For a sink: latency from capture to here, of one stream or of all."""
        total = Histogram()
        for figures in self.workers.values():
            for name, histogram in figures.end_to_end.items():
                if stream in (None, name):
                    total.merge(histogram)
        return total


class StreamNow(Struct):
    """One stream. `skipped` are pictures that a live source discarded before they became frames."""

    source: str
    description: str
    width: int
    height: int
    window: int
    frames: Frames
    skipped: dict[str, int]
    damaged: int
    expected: int | None
    ended: bool
    state: str
    reconnects: int
    resent: int
    found: dict[str, int]
    events: dict[str, EventTally]


def expected_frames(streams: Iterable[StreamNow]) -> int | None:
    """Total frames of these streams, if all of them know."""
    known = [stream.expected for stream in streams]
    return None if not known or None in known else sum(count for count in known if count is not None)


class Snapshot(Struct):
    """The whole run, on `cores` cores of the machine where the command runs.

    `time` is Unix time; `seconds` runs from the first stream opened to the last frame settled. `machines`, that of the
    command among them, and `links`, each direction of its own, are empty where there is but one machine; `strangers`
    are connections refused at the address where agents come.
    """

    pipeline: str
    time: float
    seconds: float = 0.0
    max_failed: float = 1.0
    cores: int = 1
    stages: dict[str, StageNow] = field(default_factory=dict)
    streams: dict[str, StreamNow] = field(default_factory=dict)
    workers: dict[str, WorkerNow] = field(default_factory=dict)
    refused: int = 0
    failure: str | None = None
    ready: bool = False
    """Whether all workers are up and know each other."""
    machines: dict[str, MachineNow] = field(default_factory=dict)
    links: dict[str, LinkNow] = field(default_factory=dict)
    strangers: int = 0

    @property
    def trouble(self) -> str:
        """What is waited for, and what stages have been doing for too long; empty if nothing."""
        told = [*(one.trouble for one in self.machines.values())]
        told += [f"{stage.name} {stage.trouble}" for stage in self.stages.values() if stage.trouble]
        return ", ".join(filter(None, told))
