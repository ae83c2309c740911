import os
import signal
import subprocess
from collections.abc import Iterator

import pytest
import zmq

from framewire.pipeline.crew.handle import LocalHandle
from framewire.pipeline.crew.restart import RestartPolicy
from framewire.pipeline.crew.stuck import StuckWatch
from framewire.pipeline.crew.worker_record import Life, WorkerRecord
from framewire.pipeline.graph import PipelineSpec, StageSpec, make_plan
from framewire.pipeline.graph.spec import RestartSpec
from framewire.pipeline.nodes.notes import FrameInHand, Notes, NotesReader

SPEC = PipelineSpec(
    name="p",
    stages=(
        StageSpec(name="s", use="x", kind="source"),
        StageSpec(name="slow", use="x", inputs=("s",), stuck_after_s=30.0),
        StageSpec(name="patient", use="x", inputs=("slow",), stuck_after_s=0.0),
        StageSpec(name="list", use="x", inputs=("patient",), kind="sink", ordered=True),
    ),
)


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    """What is killed in a worker's place."""
    sleeping = subprocess.Popen(["sleep", "1000"])
    yield sleeping
    sleeping.kill()
    sleeping.wait()


def working(stage: str, pid: int = 0) -> tuple[WorkerRecord, Notes, float]:
    """A worker with a frame in hand, and since when."""
    process = make_plan(SPEC).process_of(stage)
    worker, notes = WorkerRecord(process, 0, RestartPolicy(RestartSpec())), Notes()
    handle = LocalHandle(zmq.Context.instance(), pid)
    worker.life, worker.handle = Life.READY, handle
    handle._notes = NotesReader(os.getpid(), notes.fd)
    notes.take([FrameInHand(stage, "s", 5)])
    call = worker.call()
    assert call is not None
    assert call.since is not None
    return worker, notes, call.since


def test_it_is_told_at_a_third_and_at_each_double_and_then_ended(
    caplog: pytest.LogCaptureFixture, process: subprocess.Popen[bytes]
) -> None:
    worker, _, since = working("slow", process.pid)
    watch = StuckWatch(SPEC)
    told_at: list[float] = []
    now = since
    ended: list[FrameInHand] = []
    while not ended:
        caplog.clear()
        ended = watch.look([worker], now)
        assert watch.is_any_stuck == (10 <= now - since < 30)
        if caplog.records and not ended:
            told_at.append(round(now - since, 3))
        assert watch.due is not None
        assert now < watch.due <= now + 5
        now = watch.due
    assert told_at == [10, 20]
    assert ended == [FrameInHand("slow", "s", 5)]
    assert process.wait() == -signal.SIGKILL
    assert "slow#0 has been on frame 5 of s for 30 s: killing it" in caplog.text


def test_who_may_take_any_time_is_left_alone(process: subprocess.Popen[bytes]) -> None:
    worker, notes, since = working("patient")
    assert StuckWatch(SPEC).look([worker], since + 1e6) == []
    worker, notes, since = working("slow", process.pid)
    with notes.untimed():
        assert StuckWatch(SPEC).look([worker], since + 1e6) == []
    assert process.poll() is None
    assert StuckWatch(SPEC).look([worker], since + 1e6) != []
    worker, notes, since = working("s")
    assert StuckWatch(SPEC).look([worker], since + 1e6) == []


def test_the_next_call_is_another(caplog: pytest.LogCaptureFixture) -> None:
    worker, notes, since = working("slow")
    watch = StuckWatch(SPEC)
    watch.look([worker], since + 11)
    assert watch.is_any_stuck
    notes.put_down()
    watch.look([worker], since + 20)
    assert not watch.is_any_stuck


def test_without_limits_there_is_nothing_to_look_at() -> None:
    stages = (SPEC.stages[0], StageSpec(name="list", use="x", inputs=("s",), kind="sink", stuck_after_s=0.0))
    assert StuckWatch(PipelineSpec(name="p", stages=stages)).due is None


def test_a_nursery_that_is_stopped_for_long_must_go() -> None:
    watch = StuckWatch(SPEC)
    assert not watch.must_nursery_go(True, 100.0)
    assert not watch.must_nursery_go(True, 129.0)
    assert not watch.must_nursery_go(False, 129.5)
    assert not watch.must_nursery_go(True, 131.0)
    assert watch.must_nursery_go(True, 161.0)
