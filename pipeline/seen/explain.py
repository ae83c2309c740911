"""Where the time goes: which stage, or what else, limits a run, and what a change would gain, in words and figures.

The model is a line of stages. A stage with n replicas that take w seconds per frame passes n / w frames per second;
the cores pass cores / (CPU seconds of all stages per frame); the lowest of these is the limit. A run below all of them
waits for its source. Stage times are wall-clock times, unless the cores are saturated: then those include waiting for a
core, and CPU seconds are used instead.
"""

from collections.abc import Container, Mapping

from msgspec import Struct

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
    """`limit` is a stage's name, `cores` or `source`; `words` say why."""

    fps: float
    limit: str
    words: str
    changes: list[Change]


class _Cost(Struct, frozen=True):
    """What a frame of the run costs a stage, in seconds of wall-clock and CPU time."""

    wall: float
    cpu: float
    replicas: int

    def times(self, share: float) -> "_Cost":
        """The cost if its work were scaled by this share."""
        return _Cost(self.wall * share, self.cpu * share, self.replicas)


CORES, SOURCE, NOTHING = "cores", "source", "nothing"


def explain(summary: Summary) -> Explanation:
    """What limits a run, finished or still going, by its summary."""
    frames = summary.frames.admitted - summary.frames.in_flight
    stuck = next(((name, stage.trouble) for name, stage in summary.stages.items() if stage.trouble), None)
    if stuck is not None:
        return Explanation(0.0, stuck[0], " ".join(stuck), [])
    if not frames or not summary.seconds:
        return Explanation(0.0, NOTHING, "no frame has completed yet: there is nothing to explain", [])
    fps = frames / summary.seconds
    costs = {name: _cost(stage, frames) for name, stage in summary.stages.items()}
    used = sum(cost.cpu for cost in costs.values()) * fps / summary.cores
    full = used >= FULL_SHARE
    # Nobody waits for a sink that skips.
    awaited = [name for name in costs if not summary.stages[name].skips]
    busiest = max(awaited, key=lambda name: costs[name].wall / costs[name].replicas)
    busy = min(1.0, costs[busiest].wall * fps / costs[busiest].replicas)
    if full:
        limit, words = CORES, _cores_words(summary, costs, used)
    elif busy >= BUSY_SHARE:
        cost = costs[busiest]
        limit = busiest
        words = (
            f"{busiest} is busy {busy:.0%} of the time and takes {1000 * cost.wall:.1f} ms per frame: "
            f"at most {cost.replicas / cost.wall:.1f} frames a second get through {_replicas(cost.replicas)}"
        )
    else:
        limit = SOURCE
        words = (
            f"no stage is busy for more than {busy:.0%} of the time ({busiest}), and {used:.0%} of the cores "
            "are used: the stages wait for the source, or the window is too small for the latency of a frame"
        )
    changes = [] if limit == SOURCE else _changes(summary, costs, full, fps)
    return Explanation(round(fps, 2), limit, words, changes)


def _cost(stage: StageSummary, frames: int) -> _Cost:
    return _Cost(stage.busy_s / frames, stage.cpu_s / frames, stage.replicas)


def _cores_words(summary: Summary, costs: Mapping[str, _Cost], used: float) -> str:
    total = sum(cost.cpu for cost in costs.values())
    most = sorted(costs, key=lambda name: -costs[name].cpu)[:3]
    parts = ", ".join(f"{name} {costs[name].cpu / total:.0%}" for name in most)
    return (
        f"the {summary.cores} cores are {used:.0%} used: a frame takes {1000 * total:.1f} ms of CPU ({parts}), "
        f"so {summary.cores / total:.1f} frames a second is all they can do; replicas gain nothing"
    )


def _changes(summary: Summary, costs: Mapping[str, _Cost], full: bool, fps: float) -> list[Change]:
    tries: list[tuple[str, dict[str, _Cost]]] = []
    for name, cost in costs.items():
        stage = summary.stages[name]
        if stage.may_have_replicas:
            more = _Cost(cost.wall, cost.cpu, cost.replicas + 1)
            tries.append((f"one more replica of {name} (replicas: {more.replicas})", {**costs, name: more}))
        if stage.searches_width:
            tries.append((f"half the width for {name}", {**costs, name: cost.times(HALF_WIDTH_SHARE)}))
        share = _batch_share(stage)
        if share is not None:
            tries.append((f"batches of {BATCH} at {name}", {**costs, name: cost.times(share)}))
    awaited = {name for name in costs if not summary.stages[name].skips}
    limit_now = _limit(costs, summary.cores, full, awaited)
    # The model's limit is a little above what is reached: the prediction keeps that ratio.
    changes = [
        Change(what, round(fps * _limit(tried, summary.cores, full, awaited) / limit_now, 1)) for what, tried in tries
    ]
    return sorted((one for one in changes if one.fps >= GAIN_MIN * fps), key=lambda one: -one.fps)


def _limit(costs: Mapping[str, _Cost], cores: int, full: bool, awaited: Container[str]) -> float:
    by_cores = cores / sum(cost.cpu for cost in costs.values())
    by_stage = [
        cost.replicas / (cost.cpu if full else cost.wall)
        for name, cost in costs.items()
        if cost.cpu and cost.wall and name in awaited
    ]
    return min([by_cores, *by_stage])


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
