import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framewire.stages.track.association import overlaps, pairs


def test_overlaps() -> None:
    found = overlaps([(0, 0, 10, 10), (100, 0, 10, 10)], [(0, 0, 10, 10), (5, 0, 10, 10), (0, 0, 0, 0)])
    assert found == pytest.approx(np.array([[1, 1 / 3, 0], [0, 0, 0]]))
    assert overlaps([], [(0, 0, 1, 1)]).shape == (0, 1)


@given(st.lists(st.lists(st.floats(0, 1), min_size=3, max_size=3), max_size=4), st.floats(0.1, 0.9))
def test_no_other_pairs_overlap_more_in_sum(rows: list[list[float]], least: float) -> None:
    likeness = np.array(rows).reshape(-1, 3)
    found = pairs(likeness, least)
    assert len({row for row, _ in found}) == len({column for _, column in found}) == len(found)
    assert all(likeness[row, column] >= least for row, column in found)
    worth = np.where(likeness >= least, likeness, 0)
    best = max(
        sum(worth[row, column] for row, column in zip(range(len(rows)), columns, strict=False) if column < 3)
        for columns in itertools.permutations(range(3 + len(rows)), len(rows))
    )
    assert sum(likeness[row, column] for row, column in found) == pytest.approx(best)


def test_a_good_pair_is_not_given_up_for_two_bad_ones() -> None:
    """A plain assignment would match what hardly overlaps."""
    assert pairs(np.array([[0.9, 0.15], [0.1, 0.0]]), 0.2) == [(0, 0)]
