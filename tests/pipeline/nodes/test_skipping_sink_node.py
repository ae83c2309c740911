"""A sink that may skip: whatever comes when, each frame is either taken or told as left out, in order."""

import errno
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framewire.pipeline.frame.packet import Outcome, Packet
from framewire.pipeline.nodes import retry
from framewire.pipeline.nodes.skipping_sink_node import SkippingSinkNode
from framewire.pipeline.stage import Sink, stage
from framewire.pipeline.wire.message import Settle
from framewire.pipeline.wire.stream_state import StreamState
from tests.pipeline.nodes.sinks import sink_in

WINDOW = 8
EDGE = ("s", "sink")


@stage("may_skip")
class MaySkip(Sink[None]):
    """Remembers what it has written; its disk is full now and then."""

    looks = False
    may_skip = True

    def open(self) -> None:
        self.written: list[int] = []
        self.is_full = False
        self.has_ended = False

    def write(self, packet: Packet) -> int:
        self.written.append(packet.seq)
        if self.is_full:
            raise OSError(errno.ENOSPC, "No space left on device", "list")
        return packet.seq + 1

    def end(self, packet: Packet) -> None:
        self.has_ended = True

    def resume(self, stream: str, mark: int) -> None:
        self.written = [seq for seq in self.written if seq < mark]


def sink_of(incarnation: int = 0) -> tuple[SkippingSinkNode, MaySkip]:
    return sink_in(SkippingSinkNode, MaySkip, incarnation, lag="skip")


def packet(seq: int, **fields: object) -> Packet:
    return Packet(source="s", stream="s", seq=seq, window=WINDOW, live=True, **fields)  # type: ignore[arg-type]


def accept(node: SkippingSinkNode, sent: Packet) -> None:
    assert list(node.accept(EDGE, sent)) == []


@given(st.integers(1, 40), st.integers(0, 2**32))
def test_each_frame_is_taken_or_told_as_left_out(count: int, seed: int) -> None:
    rng = random.Random(seed)
    node, sink = sink_of()
    on_their_way: list[Packet] = []
    sent = mark = 0
    told: list[Settle] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retry, "PAUSES_S", (0.0,))
        while not (told and told[-1].ended):
            event = rng.choice(["send", "arrive", "write", "settle", "full", "room", "retry"])
            if event == "send" and sent <= count and sent < mark + WINDOW:
                on_their_way.append(packet(sent, mark=mark, end=sent == count))
                sent += 1
            elif event == "arrive" and on_their_way:
                accept(node, on_their_way.pop(rng.randrange(len(on_their_way))))
            elif event == "write":
                node.write_next()
            elif event == "settle" and mark < min(sent, count):
                # Others wait for nobody: frames settle while we are busy, and their slots are used again.
                mark += 1
            elif event in ("full", "room"):
                sink.is_full = event == "full" and sent < count
            elif event == "retry":
                node.retry()
            if sent > count:
                sink.is_full = False
            told += node.settled(True)
    assert sink.has_ended
    assert sink.written == sorted(set(sink.written))
    left_out = [seq for settle in told for first, after in settle.gaps for seq in range(first, after)]
    assert sorted([*sink.written, *left_out]) == list(range(count))
    marks = [settle.mark for settle in told]
    assert marks == sorted(marks)
    assert marks[-1] == count + 1


def test_it_takes_all_that_comes_in_a_burst_until_it_is_behind() -> None:
    node, sink = sink_of()
    for seq in range(WINDOW // 4):
        accept(node, packet(seq))
    while node.write_next():
        pass
    assert sink.written == [0, 1]
    for seq in range(2, 8):
        accept(node, packet(seq))
    while node.write_next():
        pass
    assert sink.written == [0, 1, 7]
    (settle,) = node.settled(True)
    assert (settle.mark, settle.gaps) == (8, [(2, 7)])
    # It has caught up.
    for seq in (8, 9):
        accept(node, packet(seq))
    while node.write_next():
        pass
    assert sink.written == [0, 1, 7, 8, 9]


def test_what_has_become_of_a_frame_is_told_though_it_is_left_out() -> None:
    node, _ = sink_of()
    for seq in range(6):
        accept(node, packet(seq).fail("broken", "look") if seq == 3 else packet(seq))
    assert node.write_next()
    (settle,) = node.settled(True)
    assert [(gone.seq, gone.outcome, gone.reason) for gone in settle.exceptions] == [(3, Outcome.FAILED, "broken")]
    assert settle.gaps == [(0, 5)]


def test_its_successor_counts_what_was_settled_meanwhile() -> None:
    node, sink = sink_of(incarnation=1)
    node.resume([StreamState("s", "s", 9, False, {"sink": 4})])
    accept(node, packet(9, mark=9))
    assert node.write_next()
    (settle,) = node.settled(True)
    assert (sink.written, settle.mark, settle.gaps) == ([9], 10, [(4, 9)])
