"""Where the time goes: which stage, or what else, limits a run, and what a change would gain, in words and figures.

The model is a line of stages. A stage with n replicas that take w seconds per frame passes n / w frames per second;
the cores of a machine pass cores / (CPU seconds of all stages there per frame); the lowest of these is the limit. A run
below all of them waits for its source, or for a link between machines (see link_limit). Stage times are wall-clock
times, unless the cores are saturated: then those include waiting for a core, and CPU seconds are used instead.
"""

from collections.abc import Container, Mapping

from msgspec import Struct

from framewire.pipeline.seen.link_limit import busiest_end, longest_way
from framewire.pipeline.seen.summary import StageSummary, Summary

FULL_SHARE = 0.9
"""Share of the cores; the OS and startup take the rest."""
BUSY_SHARE = 0.7
"""A stage busy for less of its time is no bottleneck."""
GAIN_MIN = 1.05
"""Smaller gains are not listed."""
HALF_WIDTH_SHARE = 1 / 3
"""Share of the time left at half the width. The area is a quarter, but not all time scales with it: measured 0.38 for
Haar at 960 pixels (python -m bench promises) and 0.29 for YuNet at 640."""
BATCH = 16


class Change(Struct, frozen=True):
    """Something to try, and the frames per second that the model predicts."""

    what: str
    fps: float


class Explanation(Struct, frozen=True):
    """`limit` is the name of a stage, a link or a machine that is waited for, `cores` or `source`; `words` say why."""

    fps: float
    limit: str
    words: str
    changes: list[Change]


class _Cost(Struct, frozen=True):
    """What a frame of the run costs a stage, in seconds of wall-clock and of CPU time, by machine."""

    wall: float
    cpu_on: Mapping[str, float]
    replicas: int

    @property
    def cpu(self) -> float:
        """On all machines."""
        return sum(self.cpu_on.values())

    def times(self, share: float) -> "_Cost":
        """The cost if its work were scaled by this share."""
        return _Cost(self.wall * share, {machine: cpu * share for machine, cpu in self.cpu_on.items()}, self.replicas)


class _Place(Struct, frozen=True):
    """A machine: its cores, and the CPU seconds that a frame costs there beside the stages, at the ends of links."""

    cores: int
    beside: float

    def used(self, name: str, costs: Mapping[str, _Cost]) -> float:
        """CPU seconds that a frame of the run costs here."""
        return self.beside + sum(cost.cpu_on.get(name, 0.0) for cost in costs.values())


CORES, SOURCE, NOTHING = "cores", "source", "nothing"
HERE = ""
"""The machine of a run that has but one."""


def explain(summary: Summary) -> Explanation:
    """What limits a run, finished or still going, by its summary."""
    frames = summary.frames.admitted - summary.frames.in_flight
    stuck = next(((name, stage.trouble) for name, stage in summary.stages.items() if stage.trouble), None)
    if stuck is not None:
        return Explanation(0.0, stuck[0], " ".join(stuck), [])
    waits = next((name for stage in summary.stages.values() for name in stage.waits_for), None)
    if waits is not None:
        fps = frames / summary.seconds if summary.seconds else 0.0
        words = f"stages wait for the machine {waits}, whose agent has not come or is gone: framewire node starts one"
        return Explanation(round(fps, 2), waits, words, [])
    if not frames or not summary.seconds:
        return Explanation(0.0, NOTHING, "no frame has completed yet: there is nothing to explain", [])
    fps = frames / summary.seconds
    costs = {name: _cost(stage, frames) for name, stage in summary.stages.items()}
    places = _places(summary, costs, frames)
    used = {name: place.used(name, costs) * fps / place.cores for name, place in places.items()}
    fullest = max(used, key=lambda name: used[name])
    full = {name for name in used if used[name] >= FULL_SHARE}
    # Nobody waits for a sink that skips.
    awaited = [name for name in costs if not summary.stages[name].skips]
    busiest = max(awaited, key=lambda name: costs[name].wall / costs[name].replicas)
    busy = min(1.0, costs[busiest].wall * fps / costs[busiest].replicas)
    link = busiest_end(summary)
    if full:
        limit, words = CORES, _cores_words(fullest, places[fullest], costs, used[fullest])
    elif link is not None and link.busy >= max(busy, BUSY_SHARE):
        limit, words = link.link, link.words
    elif busy >= BUSY_SHARE:
        cost = costs[busiest]
        limit = busiest
        words = (
            f"{busiest} is busy {busy:.0%} of the time and takes {1000 * cost.wall:.1f} ms per frame: "
            f"at most {cost.replicas / cost.wall:.1f} frames a second get through {_replicas(cost.replicas)}"
        )
    elif (way := longest_way(summary)) is not None:
        limit, words = way.link, way.words
    else:
        limit = SOURCE
        words = (
            f"no stage is busy for more than {busy:.0%} of the time ({busiest}), and {used[fullest]:.0%} of the cores "
            f"{_at(fullest)}are used: the stages wait for the source, or the window is too small for the latency of a "
            "frame"
        )
    is_helped = limit == CORES or limit in costs
    changes = _changes(summary, costs, places, full, fps) if is_helped else []
    return Explanation(round(fps, 2), limit, words, changes)


def _cost(stage: StageSummary, frames: int) -> _Cost:
    cpu_on = stage.cpu_on or {HERE: stage.cpu_s}
    return _Cost(stage.busy_s / frames, {machine: cpu / frames for machine, cpu in cpu_on.items()}, stage.replicas)


def _places(summary: Summary, costs: Mapping[str, _Cost], frames: int) -> dict[str, _Place]:
    """The machines, each with cores of its own."""
    if not summary.machines:
        return {HERE: _Place(summary.cores, 0.0)}
    return {
        name: _Place(
            machine.cores,
            max(0.0, machine.cpu_s / frames - sum(cost.cpu_on.get(name, 0.0) for cost in costs.values())),
        )
        for name, machine in summary.machines.items()
        if machine.cores
    }


def _at(place: str) -> str:
    return f"of {place} " if place != HERE else ""


def _cores_words(name: str, place: _Place, costs: Mapping[str, _Cost], used: float) -> str:
    total = place.used(name, costs)
    here = {stage: cost.cpu_on[name] for stage, cost in costs.items() if name in cost.cpu_on}
    most = sorted(here, key=lambda stage: -here[stage])[:3]
    parts = ", ".join(f"{stage} {here[stage] / total:.0%}" for stage in most)
    gain = "replicas gain nothing" if name == HERE else "replicas gain nothing there, but on another machine"
    return (
        f"the {place.cores} cores {_at(name)}are {used:.0%} used: a frame takes {1000 * total:.1f} ms of CPU "
        f"({parts}), so {place.cores / total:.1f} frames a second is all they can do; {gain}"
    )


def _changes(
    summary: Summary, costs: Mapping[str, _Cost], places: Mapping[str, _Place], full: Container[str], fps: float
) -> list[Change]:
    tries: list[tuple[str, dict[str, _Cost]]] = []
    for name, cost in costs.items():
        stage = summary.stages[name]
        if stage.may_have_replicas:
            more = _Cost(cost.wall, cost.cpu_on, cost.replicas + 1)
            tries.append((f"one more replica of {name} (replicas: {more.replicas})", {**costs, name: more}))
        if stage.searches_width:
            tries.append((f"half the width for {name}", {**costs, name: cost.times(HALF_WIDTH_SHARE)}))
        share = _batch_share(stage)
        if share is not None:
            tries.append((f"batches of {BATCH} at {name}", {**costs, name: cost.times(share)}))
    awaited = {name for name in costs if not summary.stages[name].skips}
    limit_now = _limit(costs, places, full, awaited)
    # The model's limit is a little above what is reached: the prediction keeps that ratio.
    changes = [Change(what, round(fps * _limit(tried, places, full, awaited) / limit_now, 1)) for what, tried in tries]
    return sorted((one for one in changes if one.fps >= GAIN_MIN * fps), key=lambda one: -one.fps)


def _limit(
    costs: Mapping[str, _Cost], places: Mapping[str, _Place], full: Container[str], awaited: Container[str]
) -> float:
    """`full` names the machines without an idle core."""
    by_cores = [place.cores / cpu for name, place in places.items() if (cpu := place.used(name, costs))]
    by_stage = [
        cost.replicas / (cost.cpu if any(machine in full for machine in cost.cpu_on) else cost.wall)
        for name, cost in costs.items()
        if cost.cpu and cost.wall and name in awaited
    ]
    return min([*by_cores, *by_stage])


def _batch_share(stage: StageSummary) -> float | None:
    """Share of a frame's time left in larger batches, by how long those of different sizes took."""
    sizes = stage.batch_ms
    frames = sum(size * tally.calls for size, tally in sizes.items())
    calls = sum(tally.calls for tally in sizes.values())
    if len(sizes) < 2 or not frames or frames / calls >= BATCH / 2:
        return None
    # Least squares fit of ms = fixed + each * size, weighted by calls.
    mean_size, mean_ms = frames / calls, sum(tally.total_ms for tally in sizes.values()) / calls
    spread = sum(tally.calls * (size - mean_size) ** 2 for size, tally in sizes.items())
    together = sum((size - mean_size) * (tally.total_ms - tally.calls * mean_ms) for size, tally in sizes.items())
    each = together / spread if spread else 0.0
    fixed = mean_ms - each * mean_size
    if fixed <= 0 or each <= 0:
        return None
    return (fixed / BATCH + each) / (mean_ms / mean_size)


def _replicas(count: int) -> str:
    return "one worker" if count == 1 else f"{count} workers"
