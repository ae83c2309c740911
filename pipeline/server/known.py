"""What the server knows of the run: its latest view, and the last minutes to plot."""

import time
from collections import deque

from msgspec import Struct

from framewire.pipeline.metrics.collector import RunCollector
from framewire.pipeline.seen.rates import RateMeter
from framewire.pipeline.seen.snapshot import Snapshot
from framewire.pipeline.seen.view import View, is_well, view_of

HISTORY = 300
"""Points in the plot, one a second: five minutes."""
SILENT_S = 5.0
"""The supervisor reports every second; unhealthy after this."""


class Point(Struct, frozen=True):
    """One second of the plot: `time` is Unix time; latency is that of the slowest stream."""

    time: float
    fps: float
    p50_ms: float | None
    p99_ms: float | None
    lost_fps: float


class Known:
    """The newest snapshot, in the forms that are asked for."""

    def __init__(self, collector: RunCollector) -> None:
        self.view: View | None = None
        self.now: Snapshot | None = None
        self.history: deque[Point] = deque(maxlen=HISTORY)
        self._collector = collector
        self._meter = RateMeter()
        self._heard = time.monotonic()

    def take(self, now: Snapshot) -> None:
        """Take a new snapshot."""
        self._heard = time.monotonic()
        self.now = now
        rates = self._meter.take(now)
        self._collector.tell(now, rates)
        self.view = view_of(now, rates)
        streams = rates.streams.values()
        slowest = max(streams, key=lambda stream: stream.p50_ms or 0.0, default=None)
        self.history.append(
            Point(
                now.time,
                round(rates.fps, 2),
                slowest.p50_ms if slowest else None,
                slowest.p99_ms if slowest else None,
                round(sum(stream.dropped_fps for stream in streams), 2),
            )
        )

    def health(self) -> str:
        """Why the run is unhealthy; empty if it is not."""
        silent = time.monotonic() - self._heard
        return f"the supervisor has been silent for {silent:.0f} s" if silent > SILENT_S else ""

    def readiness(self) -> str:
        """Why the run is not ready; empty if it is: every worker up, every stream live or ended."""
        if self.health():
            return self.health()
        if self.view is None:
            return "starting"
        if self.view.failure:
            return "failed"
        down = [f"{stream.name} is {stream.state}" for stream in self.view.streams if not is_well(stream.state)]
        if down:
            return ", ".join(down)
        return "" if self.view.ready else self.view.trouble or "not every worker is ready"
