"""Snapshots for tests: a source, a stage with two replicas and a sink; one stream."""

from framewire.pipeline.seen.figures import BatchTally, EventTally, StageFigures
from framewire.pipeline.seen.histogram import Histogram
from framewire.pipeline.seen.machine import LinkNow, MachineNow
from framewire.pipeline.seen.published import Published
from framewire.pipeline.seen.snapshot import Frames, Snapshot, StageNow, StreamNow, WorkerNow


def timed(*seconds: float) -> Histogram:
    histogram = Histogram()
    for each in seconds:
        histogram.add(each)
    return histogram


def figures(count: int, seconds: float, wait: float = 0.0) -> StageFigures:
    return StageFigures(
        count=count,
        work=timed(*[seconds] * count),
        cpu_seconds=count * seconds,
        wait=timed(*[wait] * count),
        batches={1: BatchTally(count, count * seconds)} if count else {},
    )


def stage(name: str, kind: str, inputs: tuple[str, ...], *workers: StageFigures) -> StageNow:
    by_worker = {f"{name}#{number}": each for number, each in enumerate(workers)}
    cpu = sum(each.cpu_seconds for each in workers)
    return StageNow(name, name, kind, inputs, len(workers), 0, cpu, kind == "stage", False, by_worker)


def stream(frames: Frames, state: str = "live") -> StreamNow:
    return StreamNow(
        source="capture",
        description="a clip",
        width=640,
        height=480,
        window=8,
        frames=frames,
        skipped={"window_full": 3},
        damaged=1,
        expected=None,
        ended=state == "ended",
        state=state,
        reconnects=2,
        resent=7,
        found={"face": 7},
        events={"crossed|door left": EventTally(2), "in_view|": EventTally(3, 4.0, 2.0)},
    )


def snapshot(time: float = 100.0, count: int = 40, state: str = "live") -> Snapshot:
    """`count` frames captured, of which 3 are dropped, 2 failed and 4 in flight."""
    frames = Frames(count, count - 9, {"gate:odd": 3}, {"faces:ValueError": 2}, 4)
    sink = figures(count - 4, 0.001, 0.002)
    sink.end_to_end = {"capture": timed(*[0.05] * (count - 4))}
    sink.published = Published(put=count, delivered=count - 3, waiting=3, oldest=time - 5.0)
    half = count // 2
    faces = figures(half, 0.02, 0.01)
    faces.inference = {"yunet|CPUExecutionProvider": timed(0.01, 0.02)}
    faces.facts = {"yunet": "runs on CPUExecutionProvider"}
    stages = [
        stage("capture", "source", (), figures(count, 0.002)),
        stage("faces", "stage", ("capture",), faces, figures(count - half, 0.02, 0.01)),
        stage("list", "sink", ("faces",), sink),
    ]
    workers = [WorkerNow(worker, True, 0, 1.5, 10**8, 0, 0) for each in stages for worker in each.workers]
    return Snapshot(
        pipeline="demo",
        time=time,
        seconds=time - 90.0,
        stages={each.name: each for each in stages},
        streams={"capture": stream(frames, state)},
        workers={worker.name: worker for worker in workers},
        ready=True,
    )


def spread(time: float = 100.0, count: int = 40) -> Snapshot:
    """The same with `faces` on the machine n1, which has 2 cores; a frame is a megabyte, and 2 ms at either end."""
    now = snapshot(time, count)
    for name, worker in now.workers.items():
        worker.machine = "n1" if name.startswith("faces") else "home"
    for link in ("home>n1", "n1>home"):
        here, _, there = link.partition(">")
        worker = WorkerNow(f"{link}#0", True, 1, count * 0.002, 10**8, 0, 0, here, link)
        now.workers[worker.name] = worker
        sent = count * 10**6 if link == "home>n1" else count * 100
        now.links[link] = LinkNow(here, there, True, sent, 1, worker.cpu_seconds)
    for name, stage_now in now.stages.items():
        stage_now.cpu_on = {"n1" if name == "faces" else "home": stage_now.cpu_seconds}
    now.machines = {
        "home": MachineNow("home", True, cores=4, workers=2, up=2, cpu_seconds=count * 0.01, resident_bytes=2 * 10**8),
        "n1": MachineNow("n1", True, 2, cores=2, refused=5, workers=2, up=2, cpu_seconds=count * 0.1),
    }
    now.strangers = 3
    return now
