"""Times begin at 0 and ascend, whatever goes in; where nothing is wrong, nothing changes."""

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framewire.stages.capture.inputs.film.clock import GAP_S, FilmClock

STEP = Fraction(1, 25)


def mended(numbers: list[int], may_jump: bool = True) -> tuple[list[Fraction], int]:
    """The times of frames with these numbers, in frames, and how many jumps there were."""
    clock = FilmClock(STEP, may_jump)
    return [clock.mend(number * STEP) / STEP for number in numbers], clock.jumps


@given(st.lists(st.integers(-(10**7), 10**7), min_size=1), st.booleans())
def test_they_ascend_from_zero(numbers: list[int], may_jump: bool) -> None:
    times, _ = mended(numbers, may_jump)
    assert times[0] == 0
    assert all(before < after for before, after in pairwise(times))


@given(st.integers(-(10**7), 10**7), st.lists(st.integers(1, GAP_S * 25), max_size=50))
def test_what_ascends_stays_as_it_is(first: int, steps: list[int]) -> None:
    numbers = [first]
    for step in steps:
        numbers.append(numbers[-1] + step)
    assert mended(numbers) == ([number - first for number in numbers], 0)


@pytest.mark.parametrize(
    ("numbers", "may_jump", "times", "jumps"),
    [
        ([35, 36, 37, 35, 36, 37], True, [0, 1, 2, 3, 4, 5], 1),
        ([0, 1, 9000, 9001], True, [0, 1, 2, 3], 1),
        # A pause in a container that is not cut and joined as it is.
        ([0, 1, 9000, 9001], False, [0, 1, 9000, 9001], 0),
        # 33 bits of 90 kHz are over.
        ([2386092, 2386093, 0, 1], True, [0, 1, 2, 3], 1),
        # Two pictures for one moment move none that follow.
        ([0, 1, 1, 2], True, [0, 1, Fraction(9, 8), 2], 0),
    ],
)
def test_jumps(numbers: list[int], may_jump: bool, times: list[Fraction], jumps: int) -> None:
    assert mended(numbers, may_jump) == (times, jumps)
