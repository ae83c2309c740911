"""The view of a run that the terminal's table, `top`, /graph.json and the live page share."""

from msgspec import Struct
from msgspec.structs import asdict

from framewire.pipeline.seen.machine import LinkNow, MachineNow
from framewire.pipeline.seen.published import Published
from framewire.pipeline.seen.rates import LinkRate, MachineRate, Rates, StageRate, StreamRate
from framewire.pipeline.seen.snapshot import Frames, Snapshot, StageNow, StreamNow
from framewire.pipeline.seen.summary import total_frames


class StageView(Struct, kw_only=True):
    """One stage of the drawn graph: see StageRate for `rate`. `count` is frames so far, `skipped` those left out.

    `published` is the account of one that publishes. `machines` are those that run it, `waits_for` those of them that
    it waits for; both are empty where there is but one machine.
    """

    name: str
    use: str
    kind: str
    inputs: tuple[str, ...]
    replicas: int
    restarts: int
    count: int
    rate: StageRate
    facts: dict[str, str]
    skipped: int = 0
    published: Published | None = None
    machines: tuple[str, ...] = ()
    waits_for: tuple[str, ...] = ()


class MachineView(MachineNow, kw_only=True):
    """One machine: see MachineNow and MachineRate."""

    rate: MachineRate


class LinkView(LinkNow, kw_only=True):
    """One direction of a link: see LinkNow and LinkRate."""

    rate: LinkRate


class StreamView(StreamNow, kw_only=True):
    """One stream: see StreamNow and StreamRate."""

    name: str
    rate: StreamRate


class View(Struct, kw_only=True):
    """The whole run.

    `time` is Unix time; `bottleneck` names the limiting stage or link, if any; `trouble` says what is waited for, and
    what stages do for too long. A run on one machine has neither `machines` nor `links`.
    """

    pipeline: str
    time: float
    seconds: float
    ready: bool
    failure: str | None
    trouble: str
    fps: float
    bottleneck: str | None
    frames: Frames
    stages: list[StageView]
    streams: list[StreamView]
    machines: list[MachineView] = []
    links: list[LinkView] = []


def view_of(now: Snapshot, rates: Rates) -> View:
    """The snapshot and its rates, side by side."""
    return View(
        pipeline=now.pipeline,
        time=now.time,
        seconds=now.seconds,
        ready=now.ready and all(is_well(stream.state) for stream in now.streams.values()),
        failure=now.failure,
        trouble=now.trouble,
        fps=rates.fps,
        bottleneck=rates.bottleneck,
        frames=total_frames(stream.frames for stream in now.streams.values()),
        stages=[_stage(stage, rates.stages[name]) for name, stage in now.stages.items()],
        streams=[
            StreamView(**asdict(stream), name=name, rate=rates.streams[name]) for name, stream in now.streams.items()
        ],
        machines=[MachineView(**asdict(one), rate=rates.machines[name]) for name, one in now.machines.items()],
        links=[LinkView(**asdict(link), rate=rates.links[name]) for name, link in now.links.items()],
    )


def is_well(state: str) -> bool:
    """Whether a stream in this state is delivering, or has ended."""
    return state in ("live", "ended")


def _stage(stage: StageNow, rate: StageRate) -> StageView:
    total = stage.total()
    return StageView(
        name=stage.name,
        use=stage.use,
        kind=stage.kind,
        inputs=stage.inputs,
        replicas=stage.replicas,
        restarts=stage.restarts,
        count=total.count,
        rate=rate,
        facts=total.facts,
        skipped=stage.skipped,
        published=total.published,
        machines=tuple(stage.cpu_on),
        waits_for=stage.waits_for,
    )
