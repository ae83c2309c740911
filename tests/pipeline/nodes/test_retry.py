"""Tries go on with longer and longer pauses, and no longer than asked."""

import math

import pytest

from framewire.pipeline.nodes.retry import PAUSES_S, Retry


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(("patience_s", "tries"), [(0.0, 0), (1.0, 2), (4.0, 4), (60.0, 15)])
def test_it_is_given_up_after_the_time_asked(patience_s: float, tries: int) -> None:
    clock = Clock()
    retry = Retry(patience_s, clock)
    done = 0
    while retry.failed():
        assert clock.now < retry.at <= clock.now + PAUSES_S[-1]
        clock.now = retry.at
        done += 1
    assert done == tries
    assert clock.now == 100.0 + patience_s


def test_with_endless_patience_the_pauses_stay_as_they_are() -> None:
    clock = Clock()
    retry = Retry(math.inf, clock)
    for pause in [*PAUSES_S, PAUSES_S[-1], PAUSES_S[-1]]:
        assert retry.failed()
        assert retry.at == pytest.approx(clock.now + pause)
        clock.now = retry.at


def test_a_success_ends_it() -> None:
    clock = Clock()
    retry = Retry(10.0, clock)
    assert retry.succeeded() is None
    assert retry.failed()
    clock.now += 3
    assert retry.succeeded() == 3.0
    assert (retry.since, retry.at) == (None, math.inf)
    assert retry.failed()
    assert retry.at == clock.now + PAUSES_S[0]
