import random
import threading
from itertools import islice

from framewire.stages.capture.inputs.backoff import FIRST_S, JITTER, LONGEST_S, waits
from framewire.stages.capture.inputs.newest import Newest


def test_the_newest_takes_the_place_of_the_one_that_waits() -> None:
    place: Newest[str] = Newest()
    assert place.take() == (None, 0)
    assert place.put("a")
    assert not place.put("b")
    assert not place.put("c")
    assert place.there
    assert place.take() == ("c", 2)
    assert place.take() == (None, 0)
    assert place.put("d")
    assert place.take() == ("d", 0)


def test_waits_grow_and_do_not_agree() -> None:
    one, other = (list(islice(waits(random.Random(seed)), 20)) for seed in (1, 2))
    assert one != other
    for wait, plain in zip(one, [FIRST_S * 2**n for n in range(20)], strict=True):
        assert abs(wait / min(LONGEST_S, plain) - 1) <= JITTER + 1e-9
    assert max(one) <= LONGEST_S * (1 + JITTER)


def test_where_all_is_kept_who_puts_waits_until_the_place_is_empty() -> None:
    place: Newest[int] = Newest(keeps_all=True)
    place.put(0)
    thread = threading.Thread(target=lambda: [place.put(number) for number in range(1, 50)], daemon=True)
    thread.start()
    taken: list[int] = []
    while len(taken) < 50:
        thing, replaced = place.take()
        assert replaced == 0
        if thing is not None:
            taken.append(thing)
    assert taken == list(range(50))


def test_who_waits_goes_on_when_nobody_takes_any_more() -> None:
    place: Newest[int] = Newest(keeps_all=True)
    place.put(0)
    thread = threading.Thread(target=lambda: place.put(1), daemon=True)
    thread.start()
    place.close()
    thread.join(10)
    assert not thread.is_alive()
