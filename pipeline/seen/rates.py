"""Rates: what has changed between two snapshots, a few seconds apart."""

from collections import deque
from collections.abc import Mapping

from msgspec import Struct

from framewire.pipeline.seen.figures import StageFigures
from framewire.pipeline.seen.histogram import Histogram, slowest
from framewire.pipeline.seen.machine import LinkNow, MachineNow
from framewire.pipeline.seen.snapshot import Snapshot, StageNow, StreamNow

SPAN_S = 5.0
"""Rates span this many seconds: fewer are jumpy, more lag behind."""
BOTTLENECK_SHARE = 0.85
"""A stage busy for less of its time than this is no bottleneck: then the source limits the run."""


class StageRate(Struct):
    """Recent rates of one stage.

    `fps` is frames per second, all replicas together; `p50_ms`, `p99_ms` the time in its own code; `wait_ms` the mean
    wait of a frame for it; `queue` the mean queue depth (Little's law: rate times wait); `busy` the share of time that
    a replica worked, 0 to 1; `cores` CPU seconds per second; `batch` frames per call.
    """

    fps: float = 0.0
    p50_ms: float | None = None
    p99_ms: float | None = None
    wait_ms: float | None = None
    queue: float = 0.0
    busy: float = 0.0
    cores: float = 0.0
    batch: float | None = None


class StreamRate(Struct):
    """Recent rates of one stream. `fps` is frames written; `window_used` unsettled frames / window."""

    fps: float = 0.0
    window_used: float = 0.0
    p50_ms: float | None = None
    p99_ms: float | None = None
    dropped_fps: float = 0.0


class MachineRate(Struct):
    """Recent rates of one machine. `cores` are CPU seconds per second of all its workers, `busy` a share of its own."""

    cores: float = 0.0
    busy: float = 0.0


class LinkRate(Struct):
    """Recent rates of one direction of a link: bytes sent per second, and CPU seconds per second at its beginning."""

    bytes_s: float = 0.0
    cores: float = 0.0


class Rates(Struct):
    """All of them. `bottleneck` is the busiest stage, or else the busiest link, if one is busy enough."""

    seconds: float
    fps: float
    stages: dict[str, StageRate]
    streams: dict[str, StreamRate]
    bottleneck: str | None = None
    machines: dict[str, MachineRate] = {}
    links: dict[str, LinkRate] = {}


class RateMeter:
    """Takes snapshots as they come and computes the latest rates."""

    def __init__(self, span_s: float = SPAN_S) -> None:
        self._span_s = span_s
        self._snapshots: deque[Snapshot] = deque()

    def take(self, now: Snapshot) -> Rates:
        """The rates up to `now`, since the snapshot `span_s` ago, or the first."""
        self._snapshots.append(now)
        while len(self._snapshots) > 2 and self._snapshots[1].time <= now.time - self._span_s:
            self._snapshots.popleft()
        return rates(self._snapshots[0], now)


def rates(before: Snapshot, now: Snapshot) -> Rates:
    """Changes per second from one snapshot to a later one."""
    seconds = now.time - before.time
    stages = {name: _stage(before.stages.get(name), stage, seconds) for name, stage in now.stages.items()}
    streams = {name: _stream(before, now, name, seconds) for name in now.streams}
    # Nobody waits for a sink that skips.
    awaited = [name for name, stage in now.stages.items() if not stage.skips]
    busiest = max(awaited, key=lambda name: stages[name].busy, default=None)
    limits = busiest is not None and stages[busiest].busy >= BOTTLENECK_SHARE
    fps = sum(stream.fps for stream in streams.values())
    machines = {name: _machine(before.machines.get(name), one, seconds) for name, one in now.machines.items()}
    links = {name: _link(before.links.get(name), link, seconds) for name, link in now.links.items()}
    return Rates(seconds, fps, stages, streams, busiest if limits else _busiest_link(now.links, links), machines, links)


def _stage(before: StageNow | None, now: StageNow, seconds: float) -> StageRate:
    if seconds <= 0:
        return StageRate()
    earlier = before.total() if before is not None else StageFigures()
    later = now.total()
    work, wait = later.work.minus(earlier.work), later.wait.minus(earlier.wait)
    calls = later.calls - earlier.calls
    return StageRate(
        fps=max(0, later.count - earlier.count) / seconds,
        p50_ms=work.milliseconds(0.5),
        p99_ms=work.milliseconds(0.99),
        wait_ms=round(1000 * wait.total_s / wait.count, 3) if wait.count else None,
        queue=wait.total_s / seconds,
        busy=_busy(work.total_s + now.in_call_s - (before.in_call_s if before else 0.0), seconds, now.replicas),
        cores=max(0.0, now.cpu_seconds - (before.cpu_seconds if before else 0.0)) / seconds,
        batch=(later.count - earlier.count) / calls if calls > 0 else None,
    )


def _machine(before: MachineNow | None, now: MachineNow, seconds: float) -> MachineRate:
    if seconds <= 0 or before is None:
        return MachineRate()
    cores = max(0.0, now.cpu_seconds - before.cpu_seconds) / seconds
    return MachineRate(cores, cores / now.cores if now.cores else 0.0)


def _link(before: LinkNow | None, now: LinkNow, seconds: float) -> LinkRate:
    if seconds <= 0 or before is None:
        return LinkRate()
    sent, used = now.sent_bytes - before.sent_bytes, now.cpu_seconds - before.cpu_seconds
    return LinkRate(max(0, sent) / seconds, max(0.0, used) / seconds)


def _busiest_link(links: Mapping[str, LinkNow], rates: Mapping[str, LinkRate]) -> str | None:
    """The link of which one end takes most of a core, all that one process has; its busier direction."""
    busiest = max(rates, key=lambda name: rates[name].cores, default=None)
    if busiest is None or rates[busiest].cores < BOTTLENECK_SHARE:
        return None
    back = links[busiest].way_back
    return max([busiest, *([back] if back in rates else [])], key=lambda name: rates[name].bytes_s)


def _busy(worked_s: float, seconds: float, replicas: int) -> float:
    """A call in progress counts as far as it has come, and no second time when it ends."""
    return min(1.0, max(0.0, worked_s) / seconds / replicas)


def _stream(before: Snapshot, now: Snapshot, name: str, seconds: float) -> StreamRate:
    stream, earlier = now.streams[name], before.streams.get(name)
    used = stream.frames.in_flight / stream.window if stream.window else 0.0
    if seconds <= 0:
        return StreamRate(window_used=used)
    arrival = slowest(_lately(before.stages.get(key), stage, name) for key, stage in now.stages.items())
    return StreamRate(
        fps=(stream.frames.written - (earlier.frames.written if earlier else 0)) / seconds,
        window_used=used,
        p50_ms=arrival.milliseconds(0.5),
        p99_ms=arrival.milliseconds(0.99),
        dropped_fps=(_lost(stream) - (_lost(earlier) if earlier else 0)) / seconds,
    )


def _lost(stream: StreamNow) -> int:
    frames = stream.frames
    return sum(frames.dropped.values()) + sum(frames.failed.values()) + sum(stream.skipped.values())


def _lately(before: StageNow | None, now: StageNow, stream: str) -> Histogram:
    later = now.end_to_end(stream)
    return later.minus(before.end_to_end(stream)) if before is not None else later
