from hypothesis import given
from hypothesis import strategies as st

from framewire.pipeline.flow.latency import TOLD_AFTER, Admission, window_for_target
from framewire.pipeline.flow.window import WINDOW_MIN


def test_the_window_is_what_comes_in_the_time() -> None:
    assert window_for_target(0.5, 30, 32) == 15
    assert window_for_target(0.5, None, 32) == 15
    assert window_for_target(10, 30, 32) == 32
    assert window_for_target(0.01, 30, 32) == WINDOW_MIN


def test_late_frames_make_it_smaller_and_quick_ones_larger_again() -> None:
    admission = Admission(0.2, 8)
    for expected in (7, 6, 5, 5, 5):
        admission.settled(0.5)
        assert admission.limit == expected
    for _ in range(5):
        admission.settled(0.1)
    assert admission.limit == 6
    for _ in range(50):
        admission.settled(0.19)
    assert admission.limit == 6


def test_what_cannot_be_is_said_once() -> None:
    admission = Admission(0.2, 4)
    told = [admission.settled(0.5) for _ in range(3 * TOLD_AFTER)]
    assert told.count(True) == 1


@given(st.integers(WINDOW_MIN, 64), st.lists(st.floats(0, 2), max_size=200))
def test_there_is_always_room_beside_what_a_sink_may_hold_back(window: int, ages: list[float]) -> None:
    admission = Admission(0.2, window)
    for age in ages:
        admission.settled(age)
        assert window // 2 < admission.limit <= window


def simulated(target_s: float, window: int, work_s: float, interval_s: float, frames: int) -> list[float]:
    """Ages at which one worker that takes `work_s` per frame settles a live source's frames, in order."""
    admission, free_at = Admission(target_s, window), 0.0
    under_way: list[tuple[float, float]] = []
    ages: list[float] = []
    for number in range(frames):
        now = number * interval_s
        while under_way and under_way[0][1] <= now:
            captured, done = under_way.pop(0)
            ages.append(done - captured)
            admission.settled(done - captured)
        if len(under_way) < admission.limit:
            free_at = max(free_at, now) + work_s
            under_way.append((now, free_at))
    return ages


def test_a_stage_that_is_too_slow_by_a_half_stays_within_the_target() -> None:
    ages = simulated(0.3, window_for_target(0.3, 30, 32), 0.05, 1 / 30, 3000)
    assert max(ages[50:]) <= 0.35
    assert max(simulated(10.0, 32, 0.05, 1 / 30, 3000)[500:]) > 1.5
