import pytest
from hypothesis import given
from hypothesis import strategies as st

from framewire.pipeline.flow.window import WINDOW_MIN, SourceWindow, window_for
from tests.pipeline.packets import packet


@given(st.integers(1, 20), st.lists(st.integers(-3, 60), max_size=60))
def test_never_more_than_its_size_unsettled_and_no_gap(size: int, marks: list[int]) -> None:
    window = SourceWindow(size)
    for mark in marks:
        while window.open:
            window.admit(packet(window.next_seq))
        before = window.mark
        window.settle(mark)
        assert before <= window.mark <= window.next_seq <= window.mark + size
        unsettled = window.unsettled()
        assert [sent.seq for sent in unsettled] == list(range(window.mark, window.next_seq))
        assert all(sent.mark == window.mark for sent in unsettled)


def test_a_frame_out_of_turn_is_refused() -> None:
    window = SourceWindow(2, mark=5)
    with pytest.raises(ValueError, match="may not be admitted"):
        window.admit(packet(6))
    window.admit(packet(5))
    window.admit(packet(6))
    with pytest.raises(ValueError, match="may not be admitted"):
        window.admit(packet(7))


def test_large_pictures_get_a_smaller_window() -> None:
    assert window_for(720, 1280, 32, 256 * 2**20) == 32
    assert window_for(2160, 3840, 32, 256 * 2**20) == 10
    assert window_for(4320, 7680, 32, 256 * 2**20) == WINDOW_MIN
    assert window_for(0, 0, 32, 256 * 2**20) == 32
