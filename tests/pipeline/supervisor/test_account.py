"""Whatever order reports of a worker's lives come in, none is lost and none counts twice."""

from hypothesis import given
from hypothesis import strategies as st

from framewire.pipeline.graph import PipelineSpec, StageSpec, make_plan
from framewire.pipeline.seen.figures import SourceFigures, StageFigures, WorkerFigures
from framewire.pipeline.supervisor.account import Account
from framewire.pipeline.wire.message import Report

SPEC = PipelineSpec(
    name="p",
    stages=(
        StageSpec(name="s", use="x", kind="source"),
        StageSpec(name="list", use="x", inputs=("s",), kind="sink", ordered=True),
    ),
)


WORKER = make_plan(SPEC).process_of("s").workers[0]


def of_life(incarnation: int, counts: list[int]) -> list[Report]:
    """What one life of a worker reports: figures since its start."""
    return [
        Report(WORKER, incarnation, WorkerFigures({"s": StageFigures(count)}, {"s": SourceFigures("s", resent=count)}))
        for count in counts
    ]


@st.composite
def lives(draw: st.DrawFn) -> tuple[list[Report], int]:
    """Reports of several lives, and the frames of all. A life's come in order, and before those of the next but one."""
    counts = draw(st.lists(st.lists(st.integers(1, 100), max_size=4).map(sorted), min_size=1, max_size=4))
    arrived: list[Report] = []
    waiting: list[Report] = []
    for incarnation, life in enumerate(counts):
        own = of_life(incarnation, life)
        late = draw(st.integers(0, len(own)))
        ahead, behind = own[: len(own) - late], own[len(own) - late :]
        # What is left of the last life and the first of this one come by different sockets.
        while waiting and ahead:
            arrived.append((waiting if draw(st.booleans()) else ahead).pop(0))
        arrived += [*waiting, *ahead]
        waiting = behind
    return [*arrived, *waiting], sum(life[-1] for life in counts if life)


@given(lives())
def test_reports_may_come_in_any_order(case: tuple[list[Report], int]) -> None:
    reports, frames = case
    account = Account(SPEC, make_plan(SPEC), {}, 0.0)
    for report in reports:
        account.report(report)
    assert account.progress(WORKER).seen.get("s", SourceFigures()).resent == frames
