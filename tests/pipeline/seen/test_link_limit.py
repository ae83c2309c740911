"""A link is blamed for what it can be seen to hold up, and for nothing else."""

import pytest

from framewire.pipeline.seen.explain import CORES, SOURCE, explain
from framewire.pipeline.seen.snapshot import Frames
from framewire.pipeline.seen.summary import (
    LinkSummary,
    MachineSummary,
    Milliseconds,
    StageSummary,
    StreamSummary,
    Summary,
    summary_of,
)
from tests.pipeline.snapshots import snapshot

FRAMES = 1000
LINK, BACK = "home>n1", "n1>home"


def split(
    fps: float,
    end_cpu_ms: float = 1.0,
    wait_ms: float = 1.0,
    delay_ms: float = 30.0,
    window: int = 32,
    faces_ms: float = 5.0,
    pixels: str = "raw",
) -> Summary:
    """Capture and list at home, faces on n1, which has two cores; a picture is 2.8 MB."""
    seconds = FRAMES / fps

    def stage(ms: float, machine: str, waits: float | None = None) -> StageSummary:
        cpu = ms * FRAMES / 1000
        may = machine == "n1"
        own = StageSummary(FRAMES, busy_s=cpu, cpu_s=cpu, cpu_on={machine: cpu}, may_have_replicas=may)
        own.wait_p50_ms = waits
        return own

    stages = {"capture": stage(5, "home"), "faces": stage(faces_ms, "n1", wait_ms), "list": stage(1, "home", 1.0)}
    (now,) = summary_of(snapshot()).streams.values()
    stream: StreamSummary = now
    stream.window = window
    end_cpu = end_cpu_ms * FRAMES / 1000
    return Summary(
        "p",
        Frames(admitted=FRAMES, written=FRAMES),
        {},
        fps,
        seconds,
        Milliseconds(delay_ms, delay_ms),
        stages,
        {"capture": stream},
        cores=8,
        machines={
            "home": MachineSummary(8, 2, 6 + end_cpu, 1, ["capture", "list"]),
            "n1": MachineSummary(2, 1, faces_ms + end_cpu, 1, ["faces"]),
        },
        links={
            LINK: LinkSummary(2_800_000 * FRAMES, end_cpu, 0, ["faces"], pixels),
            BACK: LinkSummary(1000 * FRAMES, end_cpu * 0.9, 0, ["list"], pixels),
        },
    )


def test_a_link_whose_end_fills_a_core_limits_and_the_cure_is_named() -> None:
    found = explain(split(fps=50, end_cpu_ms=18.0))
    assert (found.limit, found.changes) == (LINK, [])
    assert "carries 140.0 MB/s, 2.80 MB a frame" in found.words
    assert "its end at home uses 90% of a core" in found.words
    assert "links: {pixels: jpeg}" in found.words
    assert "jpeg" not in explain(split(fps=50, end_cpu_ms=18.0, pixels="jpeg")).words
    assert "no picture crosses it, since no stage there looks" in explain(split(50, 18.0, pixels="none")).words


def test_a_slow_network_limits_where_frames_wait_on_the_way_and_the_windows_are_full() -> None:
    # 30 frames a second, each for a second in flight: 30 of 32.
    found = explain(split(fps=30, wait_ms=900.0, delay_ms=1000.0))
    assert found.limit == LINK
    assert "a frame spends 900 of its 1000 ms on the way to faces" in found.words
    assert "84.0 MB/s" in found.words


@pytest.mark.parametrize(
    ("why", "summary"),
    [
        ("the windows are not full", split(fps=30, wait_ms=200.0, delay_ms=220.0)),
        ("the time is spent elsewhere", split(fps=30, wait_ms=100.0, delay_ms=1000.0)),
    ],
)
def test_a_link_is_not_blamed_where(why: str, summary: Summary) -> None:
    assert explain(summary).limit == SOURCE, why


def test_a_busy_stage_behind_a_link_is_to_blame_for_its_queue() -> None:
    found = explain(split(fps=45, faces_ms=20.0, wait_ms=600.0, delay_ms=700.0))
    assert found.limit == "faces"
    assert [change.what for change in found.changes] == ["one more replica of faces (replicas: 2)"]


def test_the_cores_of_a_machine_are_its_own() -> None:
    full = split(fps=95, faces_ms=20.0)
    full.machines["n1"].cpu_s = 20.0
    full.stages["faces"].replicas = 4
    found = explain(full)
    assert found.limit == CORES
    assert "the 2 cores of n1 are 95% used: a frame takes 20.0 ms of CPU (faces 100%)" in found.words
    assert found.changes == []


def test_a_machine_that_is_waited_for_is_the_limit() -> None:
    waiting = split(fps=30)
    waiting.stages["faces"].waits_for = ("n1",)
    found = explain(waiting)
    assert (found.limit, found.fps) == ("n1", 30.0)
    assert "wait for the machine n1" in found.words
