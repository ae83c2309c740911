"""Two threads, and every way in which one may be gone before the other."""

import threading
from collections.abc import Iterator

import pytest

from framewire.pipeline.guest.handover import Handover

LONG_S = 20.0


@pytest.fixture
def handover() -> Iterator[Handover[int]]:
    made: Handover[int] = Handover()
    yield made
    made.close()


def offering(handover: Handover[int], numbers: range, done: list[int]) -> threading.Thread:
    def offer() -> None:
        for number in numbers:
            handover.offer(number)
            done.append(number)
        handover.end()

    thread = threading.Thread(target=offer)
    thread.start()
    return thread


def test_a_thing_is_done_with_when_the_next_is_asked_for(handover: Handover[int]) -> None:
    done: list[int] = []
    thread = offering(handover, range(100), done)
    for number in range(100):
        assert handover.take() == number
        assert number not in done
    assert handover.take() is None
    thread.join(LONG_S)
    assert done == list(range(100))
    assert handover.take() is None


def test_who_offers_goes_on_when_nobody_wants_more(handover: Handover[int]) -> None:
    done: list[int] = []
    thread = offering(handover, range(100), done)
    assert handover.take() == 0
    handover.close()
    thread.join(LONG_S)
    assert done == list(range(100))
    assert handover.take() is None


def test_who_takes_goes_on_when_there_is_no_more(handover: Handover[int]) -> None:
    found: list[int | None] = []
    thread = threading.Thread(target=lambda: found.append(handover.take()))
    thread.start()
    handover.end()
    thread.join(LONG_S)
    assert found == [None]
