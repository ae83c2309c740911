"""The summary of a run: what is printed, what `--summary` writes, and what decides the exit code."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import asdict

from framewire.pipeline.seen.histogram import slowest
from framewire.pipeline.seen.machine import LinkNow, MachineNow
from framewire.pipeline.seen.published import Published
from framewire.pipeline.seen.snapshot import Frames, Snapshot, StageNow, StreamNow


class Milliseconds(Struct, frozen=True):
    """Percentiles of a duration; None if nothing was timed."""

    p50: float | None = None
    p99: float | None = None


class BatchSummary(Struct):
    """Calls with the same number of frames, and their milliseconds in total."""

    calls: int
    total_ms: float


class StageSummary(Struct):
    """One stage, all workers combined; `count` includes frames repeated after a crash.

    `wait_p50_ms` is how long a frame waited for the stage, `mean_batch` the frames per call. `facts` are what the
    stage reports of how it runs: a model's name and what it runs on. `busy_s` is time in its own code, `cpu_s` its CPU
    seconds; `batch_ms` groups calls by their number of frames. `trouble` says what it has been doing for too long. A
    sink has `skipped` frames, if it is one that `skips`, and tried `retries` times to write what it could not before;
    `published` is the account of one that publishes. `cpu_on` are its CPU seconds on each machine, `waits_for` the
    machines that it waits for; both are empty where there is but one.
    """

    count: int = 0
    p50_ms: float | None = None
    p99_ms: float | None = None
    wait_p50_ms: float | None = None
    busy_s: float = 0.0
    cpu_s: float = 0.0
    restarts: int = 0
    replicas: int = 1
    mean_batch: float | None = None
    facts: dict[str, str] = {}
    use: str = ""
    may_have_replicas: bool = False
    searches_width: bool = False
    batch_ms: dict[int, BatchSummary] = {}
    trouble: str = ""
    skips: bool = False
    skipped: int = 0
    retries: int = 0
    published: Published | None = None
    cpu_on: dict[str, float] = {}
    waits_for: tuple[str, ...] = ()


class MachineSummary(Struct):
    """One machine: the stages that it runs, its workers, and their CPU seconds; `agents` counts those that came."""

    cores: int
    workers: int
    cpu_s: float
    agents: int
    stages: list[str]
    refused: int = 0


class LinkSummary(Struct):
    """One direction of a link: what was sent, the CPU seconds at its beginning, and how often it was lost."""

    sent_bytes: int
    cpu_s: float
    restarts: int
    behind: list[str]
    """The stages that get frames over it."""
    pixels: str = "raw"


class StreamSummary(StreamNow):
    """One stream: see StreamNow. `end_to_end_ms` is that of the slowest sink."""

    end_to_end_ms: Milliseconds = Milliseconds()


class Summary(Struct):
    """The whole run. `machines` and `links` (`home>n1`) are empty where there is but one machine."""

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
    cores: int = 1
    machines: dict[str, MachineSummary] = {}
    links: dict[str, LinkSummary] = {}
    refused_connections: int = 0

    @property
    def restarts(self) -> int:
        """The most restarts of any stage (stages that share a process restart together)."""
        return max((stage.restarts for stage in self.stages.values()), default=0)

    def write(self, path: Path) -> None:
        """Write the summary as JSON. Raises OSError."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n")

    def write_or_why_not(self, path: Path | None) -> str:
        """Write it, if there is a path; returns why that was not possible, empty if it was."""
        try:
            if path is not None:
                self.write(path)
        except OSError as error:
            return f"the summary cannot be written to {path}: {error.strerror}"
        return ""


def summary_of(now: Snapshot) -> Summary:
    """The summary of a snapshot."""
    frames = total_frames(stream.frames for stream in now.streams.values())
    found: Counter[str] = Counter()
    for stream in now.streams.values():
        found.update(stream.found)
    return Summary(
        pipeline=now.pipeline,
        frames=frames,
        detections=dict(sorted(found.items())),
        fps=round(frames.written / now.seconds, 2) if now.seconds > 0 else None,
        seconds=now.seconds,
        end_to_end_ms=_arrival(now, None),
        stages={name: _stage(stage) for name, stage in now.stages.items()},
        streams={
            name: StreamSummary(**asdict(stream), end_to_end_ms=_arrival(now, name))
            for name, stream in now.streams.items()
        },
        refused_messages=now.refused
        + sum(worker.refused for worker in now.workers.values())
        + sum(machine.refused for machine in now.machines.values()),
        refused_connections=now.strangers,
        machines={name: _machine(now, machine) for name, machine in now.machines.items()},
        links={
            name: LinkSummary(
                link.sent_bytes, round(link.cpu_seconds, 3), link.restarts, _behind(now, link), link.pixels
            )
            for name, link in now.links.items()
        },
        cores=now.cores,
        error=now.failure or _too_many_failed(frames, now.max_failed) or _messages_dropped(now),
    )


def total_frames(parts: Iterable[Frames]) -> Frames:
    """The sum of several streams."""
    total = Frames(dropped={}, failed={})
    for part in parts:
        total.admitted += part.admitted
        total.written += part.written
        total.in_flight += part.in_flight
        total.dropped = dict(Counter(total.dropped) + Counter(part.dropped))
        total.failed = dict(Counter(total.failed) + Counter(part.failed))
    return total


def _stage(stage: StageNow) -> StageSummary:
    total = stage.total()
    return StageSummary(
        count=total.count,
        p50_ms=total.work.milliseconds(0.5),
        p99_ms=total.work.milliseconds(0.99),
        wait_p50_ms=total.wait.milliseconds(0.5),
        busy_s=round(total.work.total_s + stage.in_call_s, 3),
        trouble=stage.trouble,
        skips=stage.skips,
        skipped=stage.skipped,
        retries=total.retries,
        published=total.published,
        cpu_s=round(stage.cpu_seconds, 3),
        cpu_on={machine: round(seconds, 3) for machine, seconds in stage.cpu_on.items()},
        waits_for=stage.waits_for,
        restarts=stage.restarts,
        replicas=stage.replicas,
        mean_batch=round(total.count / total.calls, 2) if total.calls else None,
        facts=total.facts,
        use=stage.use,
        may_have_replicas=stage.may_have_replicas,
        searches_width=stage.searches_width,
        batch_ms={
            size: BatchSummary(tally.calls, round(1000 * tally.total_s, 3)) for size, tally in total.batches.items()
        },
    )


def _machine(now: Snapshot, machine: MachineNow) -> MachineSummary:
    stages = [name for name, stage in now.stages.items() if machine.name in stage.cpu_on]
    cpu_s = round(machine.cpu_seconds, 3)
    return MachineSummary(machine.cores, machine.workers, cpu_s, machine.agents, stages, machine.refused)


def _behind(now: Snapshot, link: LinkNow) -> list[str]:
    """The stages at its end that read one at its beginning."""
    return [
        name
        for name, stage in now.stages.items()
        if link.there in stage.cpu_on and any(link.here in now.stages[above].cpu_on for above in stage.inputs)
    ]


def _arrival(now: Snapshot, stream: str | None) -> Milliseconds:
    """Latency to the slowest sink, of one stream or of all."""
    found = slowest(stage.end_to_end(stream) for stage in now.stages.values())
    return Milliseconds(found.milliseconds(0.5), found.milliseconds(0.99))


def _messages_dropped(now: Snapshot) -> str | None:
    dropped = {name: account.dropped for name, stage in now.stages.items() if (account := stage.published)}
    name = max(dropped, key=lambda name: dropped[name], default="")
    if not name or not dropped[name]:
        return None
    return f"{dropped[name]} messages of {name!r} were dropped: its spool was full (spool_mb), and nobody took them"


def _too_many_failed(frames: Frames, max_failed: float) -> str | None:
    failed = sum(frames.failed.values())
    if not failed or failed <= max_failed * frames.admitted:
        return None
    worst = max(frames.failed, key=lambda reason: frames.failed[reason])
    return (
        f"{failed} of {frames.admitted} frames failed, most of them with {worst}; "
        f"the pipeline allows a share of {max_failed:g} (max_failed)"
    )
