"""Two sinks tell of the same events: each is numbered once."""

from framewire.pipeline.frame.happening import KEPT, Happening
from framewire.pipeline.frame.packet import Event
from framewire.pipeline.supervisor.happenings import Happenings


def happening(seq: int, place: int = 0) -> Happening:
    return Happening("door", seq, place, seq / 25, None, Event("came"))


def test_what_another_sink_has_told_is_not_new() -> None:
    happenings = Happenings()
    assert happenings.take([happening(0), happening(0, 1)]) == [(1, happening(0)), (2, happening(0, 1))]
    assert happenings.take([happening(0), happening(1)]) == [(3, happening(1))]


def test_a_sink_that_is_a_window_behind_tells_nothing_new() -> None:
    happenings = Happenings()
    told = [happening(seq) for seq in range(3 * KEPT)]
    assert len(happenings.take(told)) == 3 * KEPT
    assert happenings.take(told[-1024:]) == []
    assert [number for number, _ in happenings.kept] == list(range(2 * KEPT + 1, 3 * KEPT + 1))
