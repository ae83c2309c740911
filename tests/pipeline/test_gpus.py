"""GPUs are dealt out so that all are used, and nobody gets more than there is."""

from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framewire.pipeline.gpus import TooFewGpusError, deal, gpus_for, packed, visible_gpus

Dealt = dict[str, list[str]]
CASES: list[tuple[dict[str, float], list[str], Dealt]] = [
    ({}, [], {}),
    ({"a": 0.5, "b": 0.5, "c": 0.5, "d": 0.5}, ["0", "1"], {"a": ["0"], "b": ["1"], "c": ["0"], "d": ["1"]}),
    ({"a": 0.5, "b": 0.5}, ["4", "7"], {"a": ["4"], "b": ["7"]}),
    ({"a": 0.5, "b": 1, "c": 0.5}, ["0", "1"], {"b": ["0"], "a": ["1"], "c": ["1"]}),
    ({"a": 0.4, "b": 0.4, "c": 0.6, "d": 0.6}, ["0", "1"], {"c": ["0"], "d": ["1"], "a": ["0"], "b": ["1"]}),
    # With the most room first, `e` would find none.
    (
        {"a": 0.6, "b": 0.4, "c": 0.4, "d": 0.3, "e": 0.3},
        ["0", "1"],
        {"a": ["0"], "b": ["0"], "c": ["1"], "d": ["1"], "e": ["1"]},
    ),
    ({"a": 0.25, "b": 2}, ["x", "y", "z"], {"b": ["x", "y"], "a": ["z"]}),
    ({"a": 0.1, "b": 0.1, "c": 0.1, "d": 0.7}, ["0"], {"d": ["0"], "a": ["0"], "b": ["0"], "c": ["0"]}),
]


@pytest.mark.parametrize(("shares", "gpus", "dealt"), CASES)
def test_who_gets_which(shares: dict[str, float], gpus: list[str], dealt: Dealt) -> None:
    assert deal(shares, gpus) == dealt


@pytest.mark.parametrize(
    ("shares", "gpus"),
    [({"a": 0.5}, []), ({"a": 0.6, "b": 0.5}, ["0"]), ({"a": 2}, ["0"]), ({"a": 1, "b": 0.1}, ["0"])],
)
def test_where_there_are_too_few(shares: dict[str, float], gpus: list[str]) -> None:
    with pytest.raises(TooFewGpusError):
        deal(shares, gpus)


@pytest.mark.parametrize(
    ("shares", "needed"),
    [([], 0.0), ([0.5], 0.5), ([0.5, 0.5], 1.0), ([0.5] * 3, 2.0), ([0.6, 0.6, 0.6], 3.0), ([2, 0.5], 3.0)],
)
def test_how_many_are_needed(shares: list[float], needed: float) -> None:
    assert gpus_for({str(number): share for number, share in enumerate(shares)}) == needed


parts = st.integers(1, 100).map(lambda hundredths: hundredths / 100)


@given(st.lists(parts | st.integers(1, 4), max_size=12))
def test_what_is_needed_is_enough_and_nothing_is_given_twice(given_shares: list[float]) -> None:
    shares = {str(number): float(share) for number, share in enumerate(given_shares)}
    gpus = [f"gpu{number}" for number in range(-int(-gpus_for(shares) // 1))]
    dealt = deal(shares, gpus)
    used: Counter[str] = Counter()
    for name, own in dealt.items():
        assert len(own) == max(1, int(shares[name]))
        for gpu in own:
            used[gpu] += Fraction(str(min(1.0, shares[name])))  # type: ignore[assignment]
    assert set(dealt) == set(shares)
    assert all(amount <= 1 for amount in used.values())
    if len(gpus) > 1:
        with pytest.raises(TooFewGpusError):
            packed(shares, gpus[:-1])


@pytest.mark.parametrize(
    ("value", "gpus"),
    [("", []), ("0,1", ["0", "1"]), (" 3 , 5 ", ["3", "5"]), ("GPU-8932f937", ["GPU-8932f937"]), ("2,-1,3", ["2"])],
)
def test_what_the_environment_lets_us_see(value: str, gpus: list[str]) -> None:
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": value}) == gpus
