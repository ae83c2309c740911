import random

from hypothesis import given
from hypothesis import strategies as st

from framewire.pipeline.flow.gate import Gate
from tests.pipeline.packets import packet


def through(gate: Gate) -> list[int]:
    out = []
    while (waiting := gate.peek()) is not None:
        out.append(waiting.seq)
        gate.advance()
    return out


@given(st.integers(0, 30), st.randoms(use_true_random=False))
def test_any_order_with_doubles_comes_out_in_order_once(count: int, rng: random.Random) -> None:
    gate = Gate(0)
    seqs = [*range(count), *rng.choices(range(count), k=count)] if count else []
    rng.shuffle(seqs)
    out: list[int] = []
    for seq in seqs:
        gate.put(packet(seq))
        out += through(gate)
    assert out == list(range(count))
    assert len(gate) == 0


def test_a_refused_packet_is_waited_for_again() -> None:
    gate = Gate(0)
    gate.put(packet(0))
    gate.refuse()
    assert gate.peek() is None
    gate.put(packet(0))
    assert through(gate) == [0]


def test_of_two_that_wait_the_later_counts() -> None:
    gate = Gate(0)
    gate.put(packet(1, pts=1))
    gate.put(packet(1, pts=2))
    gate.put(packet(0))
    gate.advance()
    waiting = gate.peek()
    assert waiting is not None
    assert waiting.pts == 2


def test_settled_frames_are_not_waited_for() -> None:
    gate = Gate(0)
    for seq in (1, 2, 5):
        gate.put(packet(seq))
    gate.skip_to(5)
    assert through(gate) == [5]
    assert gate.passed(4)
    gate.skip_to(3)
    assert gate.next_seq == 6
