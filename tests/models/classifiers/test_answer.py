import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framewire.models.catalogue.age_ranges import AgeRanges
from framewire.models.catalogue.entries import LEVI_HASSNER_AGES
from framewire.models.classifiers.answer import softmax


@pytest.mark.parametrize(
    ("years", "words"),
    [(0, "(0-2)"), (2.9, "(0-2)"), (3.1, "(4-6)"), (28, "(25-32)"), (36, "(38-43)"), (34, "(25-32)"), (99, "(60-100)")],
)
def test_an_age_is_told_by_the_nearest_range(years: float, words: str) -> None:
    assert AgeRanges(LEVI_HASSNER_AGES).of(years) == words


@given(st.lists(st.floats(-50, 50, width=32), min_size=1, max_size=9))
def test_scores_become_probabilities_in_the_same_order(scores: list[float]) -> None:
    row = np.array([scores], np.float32)
    (shares,) = softmax(row)
    assert shares.sum() == pytest.approx(1, abs=1e-3)
    assert shares.min() >= 0
    assert shares[row[0].argmax()] == shares.max()
