"""All that the supervisor knows at one moment: what the summary, the metrics, the page and the terminal show."""

from msgspec import Struct, field

from pipeline.figures import EventTally, StageFigures


class Frames(Struct):
    """Frames by what became of them: admitted = written + dropped + failed + in_flight, at any moment."""

    admitted: int = 0
    written: int = 0
    dropped: dict[str, int] = {}
    failed: dict[str, int] = {}
    in_flight: int = 0


class WorkerNow(Struct):
    """One worker: `up` when its stages are open; CPU seconds are those of all its processes so far."""

    name: str
    up: bool
    restarts: int
    cpu_seconds: float
    resident_bytes: int
    refused: int
    late: int


class StageNow(Struct):
    """One stage and its figures, by worker. `cpu_seconds` is its part of its workers' CPU seconds."""

    name: str
    use: str
    kind: str
    inputs: tuple[str, ...]
    replicas: int
    restarts: int
    cpu_seconds: float
    may_have_replicas: bool
    workers: dict[str, StageFigures]

    def total(self) -> StageFigures:
        """Of all its workers together."""
        total = StageFigures()
        for figures in self.workers.values():
            total.merge(figures)
        return total


class StreamNow(Struct):
    """One stream. `skipped` are pictures that a live source had to let go before they became frames."""

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
    found: dict[str, int]
    events: dict[str, EventTally]


class Snapshot(Struct):
    """The whole run, on so many `cores`.

    `time` is Unix time; `seconds` run from the first stream that opened to the last frame settled.
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
    """Whether every worker is, and knows of all others."""
