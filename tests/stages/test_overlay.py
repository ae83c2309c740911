"""overlay draws traces, and lines and zones with what was counted; its memory survives its process."""

import numpy as np
import pytest

from framewire.pipeline.frame.packet import Detection, Event, Packet
from framewire.pipeline.frame.ring import Pixels
from framewire.pipeline.stage import StageError
from framewire.pipeline.testing import StageRunner
from framewire.stages.annotate.colors import color_for
from framewire.stages.overlay import Drawn, Overlay, _count

GREY = np.full((360, 640, 3), 90, np.uint8)
DOOR = {"lines": {"door": [[0.5, 0], [0.5, 1]]}, "zones": {"queue": [[0, 0.5], [0.25, 0.5], [0.25, 1], [0, 1]]}}


def person(x: float, track: int = 1) -> Detection:
    return Detection(label="person", box=(x, 100, 40, 80), track=track, id=f"people.{track}")


def shown(runner: StageRunner, *found: Detection, events: tuple[Event, ...] = ()) -> Pixels:
    packet: Packet = runner.packet(GREY).plus(found).with_events(events)
    answer = runner.process(packet)
    assert answer.detections == packet.detections
    return runner.picture(answer).copy()


def test_a_trace_runs_through_the_middles_of_its_boxes() -> None:
    with StageRunner(Overlay, {"trace_s": 10}) as runner:
        for x in (100, 150, 200):
            picture = shown(runner, person(x))
    # Its edges are smooth: one pixel wide, it is never quite its colour.
    assert picture[140, 170] == pytest.approx(np.array(color_for(1)), abs=40)
    assert (picture[140, 125:215] != 90).any(axis=1).all()
    assert (picture[:130] == 90).all()


def test_it_forgets_what_is_too_old() -> None:
    # Frames are 40 ms apart.
    with StageRunner(Overlay, {"trace_s": 0.1}) as runner:
        for x in (100, 150, 200, 250, 300):
            picture = shown(runner, person(x))
        assert (picture[140, :200] == 90).all()
        assert (picture[140, 230:310] != 90).any(axis=1).all()
        for _ in range(4):
            picture = shown(runner)
        assert (picture == 90).all()


def test_lines_and_zones_have_their_figures() -> None:
    with StageRunner(Overlay, {**DOOR, "color": "#ff0000"}) as runner:
        before = shown(runner)
        after = shown(
            runner,
            events=(Event("crossed", "door left", 1, direction="left"), Event("entered", "queue", 1)),
        )
    # The line, the zone's tint, and figures that have changed.
    assert before[200, 320] == pytest.approx(np.array((0, 0, 255)), abs=40)
    assert before[200, 100, 2] > 90 > before[200, 100, 0]
    assert (before != after)[:60, 250:400].any()
    assert (before != after)[180:, :160].any()


def test_it_counts_each_way_and_each_zone() -> None:
    drawn = Drawn()
    for event in (
        Event("crossed", "door left", 1, direction="left"),
        Event("crossed", "door left", 2, direction="left"),
        Event("crossed", "door right", 3, direction="right"),
        Event("entered", "queue", 1),
        Event("entered", "queue", 2),
        Event("exited", "queue", 1, 3.0),
        Event("came", track=4),
    ):
        _count(drawn, event)
    assert drawn.crossed == {"door left": 2, "door right": 1}
    assert drawn.inside == {"queue": 1}


def test_its_memory_goes_with_the_stream() -> None:
    with StageRunner(Overlay, DOOR) as runner, StageRunner(Overlay, DOOR) as other:
        shown(runner, person(100), events=(Event("entered", "queue", 1),))
        other.stage.remember("stream", runner.stage.memory("stream"))
        other._seq = runner._seq
        assert (shown(other, person(150)) == shown(runner, person(150))).all()


@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 300), (480, 3)])
def test_any_size_of_picture(height: int, width: int) -> None:
    with StageRunner(Overlay, DOOR) as runner:
        packet = runner.packet(np.zeros((height, width, 3), np.uint8)).plus([person(1)])
        assert runner.picture(runner.process(packet)).shape == (height, width, 3)


def test_a_zone_of_two_points_is_refused() -> None:
    options = {"zones": {"q": [[0, 0], [1, 1]]}}
    with pytest.raises(StageError, match="a polygon has at least three"), StageRunner(Overlay, options):
        pass
