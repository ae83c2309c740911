import pytest

from framewire.pipeline.seen.explain import explain
from framewire.pipeline.seen.snapshot import Frames
from framewire.pipeline.seen.summary import BatchSummary, Milliseconds, StageSummary, Summary

FRAMES = 1000


def stage(
    busy_ms: float,
    cpu_ms: float | None = None,
    replicas: int = 1,
    searches: bool = False,
    may: bool = True,
    batch_ms: dict[int, BatchSummary] | None = None,
) -> StageSummary:
    """A stage that takes this long per frame."""
    cpu = busy_ms if cpu_ms is None else cpu_ms
    return StageSummary(
        count=FRAMES,
        busy_s=busy_ms * FRAMES / 1000,
        cpu_s=cpu * FRAMES / 1000,
        replicas=replicas,
        searches_width=searches,
        may_have_replicas=may,
        batch_ms=batch_ms or {},
    )


def summary(fps: float, cores: int, **stages: StageSummary) -> Summary:
    frames = Frames(admitted=FRAMES, written=FRAMES)
    return Summary("p", frames, {}, fps, FRAMES / fps, Milliseconds(), stages, {}, cores=cores)


def test_the_busiest_stage_limits_and_a_replica_brings_it_to_the_next() -> None:
    found = explain(
        summary(48, 8, source=stage(8, may=False), faces=stage(20), drawn=stage(12), list=stage(1, may=False))
    )
    assert found.limit == "faces"
    assert "faces is busy 96% of the time and takes 20.0 ms per frame" in found.words
    assert "at most 50.0 frames a second get through one worker" in found.words
    (one,) = found.changes
    assert one.what == "one more replica of faces (replicas: 2)"
    # Two of them do 100 a second, but drawn only 83.3: the prediction keeps the ratio 48 / 50.
    assert one.fps == pytest.approx(48 * (1000 / 12) / 50, abs=0.1)


def test_where_the_cores_are_full_replicas_give_nothing_and_less_work_does() -> None:
    found = explain(summary(39, 2, faces=stage(30, replicas=2, searches=True), eyes=stage(20, replicas=2)))
    assert found.limit == "cores"
    assert "the 2 cores are 98% used: a frame takes 50.0 ms of CPU (faces 60%, eyes 40%)" in found.words
    assert [change.what for change in found.changes] == ["half the width for faces"]
    # 30 ms instead of 50 ms of CPU per frame.
    assert found.changes[0].fps == pytest.approx(39 * 50 / 30, abs=0.1)


def test_a_stage_that_waits_and_uses_no_processor_is_helped_by_replicas() -> None:
    found = explain(summary(9, 2, remote=stage(100, cpu_ms=1), list=stage(1, may=False)))
    assert found.limit == "remote"
    assert found.changes[0].fps == pytest.approx(18, abs=0.1)


def test_a_slow_source_limits_where_nothing_else_does() -> None:
    found = explain(summary(25, 4, faces=stage(10)))
    assert (found.limit, found.changes) == ("source", [])
    assert "no stage is busy for more than 25% of the time (faces)" in found.words


def test_larger_batches_are_promised_from_what_batches_took() -> None:
    # 8 ms per call plus 2 ms per frame in it.
    sizes = {1: BatchSummary(800, 800 * 10.0), 2: BatchSummary(100, 100 * 12.0)}
    found = explain(summary(100, 8, people=stage(9.2, batch_ms=sizes)))
    promised = {change.what: change.fps for change in found.changes}
    # A frame took 9.2 ms; in batches of sixteen it takes 2.5.
    assert promised["batches of 16 at people"] == pytest.approx(100 * 9.2 / 2.5, rel=0.01)


def test_nothing_to_explain() -> None:
    nothing = Summary("p", Frames(), {}, None, 0.0, Milliseconds(), {}, {})
    assert explain(nothing).words.startswith("no frame has completed")
