"""The account of a run: what the summary prints, what `--summary` writes, and what the exit code follows."""

from pathlib import Path

import msgspec
from msgspec import Struct


class Frames(Struct):
    """Frames by what became of them: admitted = written + dropped + failed + in_flight, at any moment."""

    admitted: int = 0
    written: int = 0
    dropped: dict[str, int] = {}
    failed: dict[str, int] = {}
    in_flight: int = 0


class Milliseconds(Struct):
    """A distribution of times; None where there was nothing to time."""

    p50: float | None = None
    p99: float | None = None


class StageSummary(Struct):
    """One stage, all its workers together; `count` includes frames done again after a crash.

    `mean_batch` is the number of frames in one call. `facts` are what the stage says of how it runs: a model's name
    and what it runs on.
    """

    count: int = 0
    p50_ms: float | None = None
    p99_ms: float | None = None
    cpu_s: float = 0.0
    restarts: int = 0
    replicas: int = 1
    mean_batch: float | None = None
    facts: dict[str, str] = {}


class StreamSummary(Struct):
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


class Summary(Struct):
    """The whole run."""

    pipeline: str
    frames: Frames
    detections: dict[str, int]
    fps: float | None
    seconds: float
    end_to_end_ms: Milliseconds
    stages: dict[str, StageSummary]
    streams: dict[str, StreamSummary]
    refused_messages: int = 0
    error: str | None = None

    @property
    def restarts(self) -> int:
        """Restarts of all workers (stages that share a process restart together: the most of any)."""
        return max((stage.restarts for stage in self.stages.values()), default=0)

    def write(self, path: Path) -> None:
        """Write the summary as JSON. Raises OSError."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n")
