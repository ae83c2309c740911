import pytest

from framewire.pipeline.frame.packet import Packet
from framewire.pipeline.graph import Edge, Routing
from framewire.pipeline.graph.plan import EdgeId
from framewire.pipeline.graph.spec import Near
from framewire.pipeline.worker.out_edge import OutEdge
from tests.pipeline.packets import packet


class Sent:
    def __init__(self) -> None:
        self.packets: list[tuple[str, int]] = []

    def __call__(self, consumer: str, edge: EdgeId, sent: Packet) -> None:
        self.packets.append((consumer, sent.seq))


def edge(routing: Routing) -> tuple[OutEdge, Sent]:
    sent = Sent()
    return OutEdge(Edge("a", "b", routing), ["b#0", "b#1", "b#2"], sent), sent


def test_who_asks_first_is_served_first_and_nobody_gets_what_it_did_not_ask_for() -> None:
    out, sent = edge(Routing.ASK)
    out.put(packet(0))
    assert sent.packets == []
    out.asked(2, 0, 2)
    out.asked(0, 0, 1)
    assert sent.packets == [("b#2", 0)]
    for seq in (1, 2, 3):
        out.put(packet(seq))
    assert sent.packets == [("b#2", 0), ("b#2", 1), ("b#0", 2)]
    assert len(out) == 1
    out.asked(1, 0, 1)
    assert sent.packets[-1] == ("b#1", 3)


def test_the_credit_of_a_dead_replica_is_void_and_that_of_the_others_is_not() -> None:
    out, sent = edge(Routing.ASK)
    out.asked(0, 0, 1)
    out.asked(1, 0, 2)
    out.reset({"s"}, {"b#0": 1, "b#1": 0})
    for seq in range(3):
        out.put(packet(seq))
    assert sent.packets == [("b#1", 0), ("b#1", 1)]
    assert out.is_early(0, 2)
    assert not out.is_early(0, 1)
    out.asked(0, 0, 5)
    assert len(sent.packets) == 2
    out.asked(0, 1, 1)
    assert sent.packets[-1] == ("b#0", 2)


def test_only_packets_of_the_epochs_sources_are_let_go() -> None:
    out, sent = edge(Routing.ASK)
    out.put(packet(0))
    out.put(packet(1, source="t", stream="t"))
    out.reset({"s"}, {})
    out.asked(0, 0, 2)
    assert sent.packets == [("b#0", 1)]


def test_by_number_all_parts_of_a_frame_meet() -> None:
    out, sent = edge(Routing.SEQ)
    for seq in range(4):
        out.put(packet(seq))
    assert sent.packets == [("b#0", 0), ("b#1", 1), ("b#2", 2), ("b#0", 3)]


def test_one_worker_gets_everything_at_once() -> None:
    out, sent = edge(Routing.ONE)
    out.put(packet(0))
    out.put(packet(1))
    assert sent.packets == [("b#0", 0), ("b#0", 1)]
    assert out.takes(2)
    assert not out.takes(3)


@pytest.mark.parametrize(("near", "served"), [("first", "b#2"), ("any", "b#0"), ("only", "b#2")])
def test_a_replica_on_this_machine_comes_first(near: Near, served: str) -> None:
    sent = Sent()
    out = OutEdge(Edge("a", "b", Routing.ASK), ["b#0", "b#1", "b#2"], sent, near, here={2})
    for replica in (0, 1, 2):
        out.asked(replica, 0, 1)
    out.put(packet(0))
    assert sent.packets == [(served, 0)]


def test_only_those_here_get_any() -> None:
    sent = Sent()
    out = OutEdge(Edge("a", "b", Routing.ASK), ["b#0", "b#1", "b#2"], sent, "only", here={2})
    out.asked(0, 0, 5)
    out.put(packet(0))
    assert (sent.packets, len(out)) == ([], 1)
    out.asked(2, 0, 1)
    assert (sent.packets, len(out)) == ([("b#2", 0)], 0)
