"""Times of one machine by the clock of another."""

from framewire.pipeline.line.clock import ClockOffset, told_by
from framewire.pipeline.seen.figures import StageFigures, WorkerFigures
from framewire.pipeline.wire.message import Connect, Report, Span, Spans, StreamOpened
from framewire.pipeline.wire.stream_state import StreamState


def test_the_shortest_round_trip_counts() -> None:
    offset = ClockOffset()
    offset.answered(10.0, 1010.5, 11.0)
    assert offset.seconds == 1000.0
    offset.answered(20.0, 1024.0, 24.0)
    assert offset.seconds == 1000.0
    offset.answered(30.0, 1030.25, 30.5)
    assert offset.seconds == 1000.0
    offset.answered(40.0, 1040.2, 40.2)
    assert round(offset.seconds, 6) == 1000.1


def test_every_time_in_a_message_is_shifted() -> None:
    opened = StreamOpened("door", "door", "camera", 4, 3, 8, None, 5.0)
    assert told_by(opened, 100.0).began == 105.0  # type: ignore[union-attr]
    figures = WorkerFigures({"film": StageFigures(cannot_write_since=7.0), "lines": StageFigures()})
    report = told_by(Report("film#0", 0, figures), 100.0)
    assert isinstance(report, Report)
    assert [one.cannot_write_since for one in report.figures.stages.values()] == [107.0, None]
    spans = told_by(Spans("film#0", [Span("film", "door", 3, 1.0, 2.0, 3.0)]), 100.0)
    assert spans == Spans("film#0", [Span("film", "door", 3, 101.0, 102.0, 103.0)])
    states = [StreamState("door", "door", 0, False, {}, began=9.0), StreamState("hall", "hall", 0, False, {})]
    connect = told_by(Connect({}, {}, states, []), -2.0)
    assert isinstance(connect, Connect)
    assert [state.began for state in connect.streams] == [7.0, None]
