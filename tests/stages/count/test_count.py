"""Events are reported once, in the frame where they happen."""

from typing import Any

import pytest

from framewire.pipeline.frame.packet import Detection, Event, Packet
from framewire.pipeline.stage import StageError
from framewire.pipeline.testing import StageRunner
from framewire.stages.count import Count

DOOR = {"door": [[0.5, 0], [0.5, 1]]}
LEFT_HALF = {"left half": [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]}


def bare(seq: int, **at: float) -> Packet:
    """Tracks `t1=0.3` by the x of their middle, ten frames a second."""
    found = [Detection(label="face", box=(1000 * x - 20, 480, 40, 40), track=int(name[1:])) for name, x in at.items()]
    packet = Packet(source="s", stream="s", seq=seq, window=32, pts=seq, time_base=(1, 10), width=1000, height=1000)
    return packet.plus(found)


def events(options: dict[str, Any], *packets: Packet) -> list[tuple[Event, ...]]:
    with StageRunner(Count, options) as runner:
        return [runner.process(packet).events for packet in packets]


def test_somebody_comes_and_leaves() -> None:
    told = events({"gap_s": 0.5}, bare(0), bare(1, t4=0.3), bare(2, t4=0.3), bare(3), bare(9))
    assert told == [
        (Event("in_view", value=0.0),),
        (Event("came", track=4), Event("in_view", value=1.0)),
        (),
        (),
        (Event("left", track=4, value=0.1), Event("in_view", value=0.0)),
    ]


def test_how_many_have_come_in_each_minute() -> None:
    told = events(
        {"gap_s": 1000}, bare(0, t1=0.3), bare(599, t1=0.3, t2=0.6), bare(600, t3=0.1), bare(1300), bare(90000)
    )
    arrivals = [[event.value for event in of_frame if event.kind == "arrivals"] for of_frame in told]
    assert arrivals == [[], [], [2.0], [1.0], [0.0]]


def test_a_line_is_crossed_each_way() -> None:
    told = events({"lines": DOOR}, *(bare(seq, t1=x) for seq, x in enumerate([0.4, 0.45, 0.55, 0.6, 0.4])))
    assert [[event.where for event in of_frame if event.kind == "crossed"] for of_frame in told] == [
        [],
        [],
        ["door left"],
        [],
        ["door right"],
    ]


def test_a_zone_is_entered_and_left_with_the_time_in_it() -> None:
    told = events({"zones": LEFT_HALF}, *(bare(seq, t1=0.6 if seq in (0, 7) else 0.3) for seq in range(8)))
    said = [(seq, event) for seq, of_frame in enumerate(told) for event in of_frame if event.where]
    assert said == [(1, Event("entered", "left half", 1)), (7, Event("exited", "left half", 1, 0.6))]


def test_who_vanishes_in_a_zone_has_left_it() -> None:
    told = events({"zones": LEFT_HALF, "gap_s": 0.3}, bare(0, t1=0.2), bare(1, t1=0.2), bare(9))
    assert Event("exited", "left half", 1, 0.1) in told[-1]


def test_the_foot_of_a_box_may_count() -> None:
    zone = {"below": [[0, 0.51], [1, 0.51], [1, 1], [0, 1]]}
    assert not any(event.where for event in events({"zones": zone}, bare(0, t1=0.3))[0])
    assert Event("entered", "below", 1) in events({"zones": zone, "anchor": "foot"}, bare(0, t1=0.3))[0]


def test_without_a_number_nobody_is_counted() -> None:
    packet = bare(0).plus([Detection(label="face", box=(0, 0, 9, 9))])
    assert events({}, packet) == [(Event("in_view", value=0.0),)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lines": {"door": [[0.5, 0], [0.5, 0]]}}, "the line door begins and ends at"),
        ({"zones": {"queue": [[0, 0], [1, 1]]}}, "the zone queue has 2 points"),
    ],
)
def test_lines_and_zones_that_cannot_be(options: dict[str, Any], message: str) -> None:
    with pytest.raises(StageError, match=message), StageRunner(Count, options):
        pass


def test_who_takes_over_goes_on_as_if_nothing_had_happened() -> None:
    options = {"lines": DOOR, "zones": LEFT_HALF, "gap_s": 0.4}
    packets = [bare(seq, t1=(seq % 10) / 10, **({"t2": 0.7} if seq % 7 < 4 else {})) for seq in range(40)]
    expected = events(options, *packets)
    with StageRunner(Count, options) as first:
        told = [first.process(packet).events for packet in packets[:17]]
        kept = first.stage.memory("s")
    with StageRunner(Count, options) as second:
        second.stage.remember("s", kept)
        told += [second.process(packet).events for packet in packets[17:]]
    assert told == expected
