from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framewire.stages.count.geometry import crossed, inside

DOWN = ((0.5, 0.2), (0.5, 0.8))
"""A line from top to bottom: to the right of somebody walking down it is the picture's left."""
HOLLOW = [(0.1, 0.1), (0.9, 0.1), (0.9, 0.9), (0.5, 0.3), (0.1, 0.9)]
part = st.floats(0, 1)
points = st.tuples(part, part)


@pytest.mark.parametrize(
    ("before", "now", "way"),
    [
        ((0.4, 0.5), (0.6, 0.5), -1),
        ((0.6, 0.5), (0.4, 0.5), 1),
        ((0.4, 0.5), (0.45, 0.5), 0),
        ((0.4, 0.1), (0.6, 0.1), 0),
        ((0.4, 0.9), (0.6, 0.9), 0),
        ((0.5, 0.3), (0.5, 0.7), 0),
    ],
)
def test_crossings(before: tuple[float, float], now: tuple[float, float], way: int) -> None:
    assert crossed(DOWN, before, now) == way


@given(points, points)
def test_the_way_back_undoes_the_way_there(before: tuple[float, float], now: tuple[float, float]) -> None:
    assert crossed(DOWN, before, now) == -crossed(DOWN, now, before)


@given(st.lists(points, min_size=2, max_size=20))
def test_on_any_way_the_sum_of_crossings_is_where_it_ends(way: list[tuple[float, float]]) -> None:
    """Across the whole picture: ending on the other side takes one more crossing there than back."""
    line = ((0.5, -1.0), (0.5, 2.0))
    total = sum(crossed(line, before, now) for before, now in pairwise(way))
    sides = [x > 0.5 for x, _ in (way[0], way[-1])]
    assert total == sides[0] - sides[1]


def test_zones_of_any_shape() -> None:
    assert inside(HOLLOW, (0.2, 0.2))
    assert inside(HOLLOW, (0.15, 0.7))
    assert not inside(HOLLOW, (0.5, 0.7))
    assert not inside(HOLLOW, (0.05, 0.5))
    assert not inside(HOLLOW, (0.95, 0.2))
