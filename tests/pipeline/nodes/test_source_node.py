"""A source numbers its pictures without gaps, and makes one more only when the window admits it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from framewire.pipeline.frame.packet import FRAME, Outcome, Packet
from framewire.pipeline.frame.shot import Shot
from framewire.pipeline.nodes.notes import Notes
from framewire.pipeline.nodes.source_node import WINDOW_FULL, SourceNode
from framewire.pipeline.stage import Source, StageError, stage
from framewire.pipeline.stage_context import StageContext
from framewire.pipeline.wire.message import Message, StreamOpened
from framewire.pipeline.wire.stream_state import StreamState


@stage("tens")
class Tens(Source[None]):
    """Ten pictures; some are missing."""

    missing: tuple[int, ...] = (3,)

    def frames(self, start: int) -> Iterator[Shot]:
        self.describe("tens", 4, 6, 10)
        for number in range(start, 10):
            if number in self.missing:
                yield Shot(number, (1, 25), None, "unreadable")
                continue
            self.slot(4, 6)[...] = number
            yield Shot(number, (1, 25), None, damaged=number == 5)


@stage("live_tens")
class LiveTens(Tens):
    """The same, live: the newest picture waits, those it replaced are counted."""

    def open(self) -> None:
        self.waiting = 0
        self.replaced = 0

    def is_live(self) -> bool:
        return True

    def ready(self) -> bool:
        return self.waiting > 0

    def frames(self, start: int) -> Iterator[Shot]:
        self.describe("tens", 4, 6)
        while True:
            self.waiting -= 1
            self.slot(4, 6)[...] = 7
            yield Shot(0, (1, 25), None, replaced=self.replaced)


@stage("slotless")
class Slotless(Source[None]):
    """Forgets to ask for a slot."""

    def frames(self, start: int) -> Iterator[Shot]:
        self.describe("slotless", 4, 6)
        yield Shot(0, (1, 25))


@stage("silent")
class Silent(Source[None]):
    """Yields nothing."""

    def frames(self, start: int) -> Iterator[Shot]:
        yield from ()


def node_of(cls: type[Source[None]], states: list[StreamState] | None = None) -> tuple[SourceNode, list[Message]]:
    told: list[Message] = []
    context = StageContext("s", Path("out"))
    source = cls(None, context)
    source.open()
    node = SourceNode(source, context, 4, 2**20, Notes(), told.append)
    node.start(states or [])
    return node, told


def made(node: SourceNode) -> list[Packet]:
    packets = []
    while node.may_produce:
        packet = node.produce()
        if packet is not None:
            packets.append(packet)
    return packets


def shown(node: SourceNode, packet: Packet) -> int:
    return int(node.context.reader.view(packet.pictures[FRAME])[0, 0, 0])


def test_the_window_is_the_limit_and_the_end_is_a_packet() -> None:
    node, told = node_of(Tens)
    packets = made(node)
    assert [packet.seq for packet in packets] == [0, 1, 2, 3]
    assert told == [StreamOpened("s", "s", "tens", 6, 4, 4, 10)]
    for mark in (3, 6, 10):
        node.settle(mark)
        packets += made(node)
    assert [packet.seq for packet in packets] == [*range(10), 10]
    assert [packet.end for packet in packets] == [False] * 10 + [True]
    assert (packets[3].outcome, packets[3].reason, packets[3].stage) == (Outcome.FAILED, "unreadable", "s")
    assert packets[3].pictures == {}
    assert node.source_figures.admitted == 10
    assert node.source_figures.damaged == 1
    assert shown(node, packets[9]) == 9
    assert not node.may_produce


def test_what_is_unsettled_is_sent_again_with_the_mark_of_now() -> None:
    node, _ = node_of(Tens)
    made(node)
    node.settle(2)
    assert [(packet.seq, packet.mark) for packet in node.send_again()] == [(2, 2), (3, 2)]


def test_a_source_that_follows_a_dead_one_starts_at_the_mark() -> None:
    node, _ = node_of(Tens, [StreamState("s", "s", 7, False, {})])
    packets = made(node)
    assert [packet.seq for packet in packets] == [7, 8, 9, 10]
    assert [shown(node, packet) for packet in packets[:3]] == [7, 8, 9]


def test_a_stream_that_has_ended_is_not_begun_again() -> None:
    node, _ = node_of(Tens, [StreamState("s", "s", 11, True, {})])
    assert not node.may_produce
    assert node.send_again() == []


def test_a_live_source_is_asked_only_when_it_is_ready_and_there_is_room() -> None:
    node, _ = node_of(LiveTens)
    source = node.stage
    assert isinstance(source, LiveTens)
    assert not node.may_produce
    source.waiting, source.replaced = 9, 2
    assert [packet.seq for packet in made(node)] == [0, 1, 2, 3]
    assert not node.may_produce
    node.settle(1)
    assert [packet.seq for packet in made(node)] == [4]
    assert node.source_figures.skipped == {WINDOW_FULL: 10}
    node.settle(2)
    node.drain()
    assert [packet.end for packet in made(node)] == [True]


@pytest.mark.parametrize("pauses", [False, True])
def test_what_a_live_source_had_under_way_when_it_died_is_lost_and_told(pauses: bool) -> None:
    node, _ = node_of(LiveTens, [StreamState("s", "s", 7, False, {}, {}, 4, 4, 6)])
    source = node.stage
    assert isinstance(source, LiveTens)
    source.waiting = 1
    node.is_paused = pauses
    lost = made(node)
    assert [(packet.seq, packet.reason, packet.stage) for packet in lost] == [(n, "crashed", "s") for n in range(7, 11)]
    node.settle(11)
    assert node.may_produce != pauses
    node.is_paused = False
    (next_one,) = made(node)
    assert next_one.alive
    assert next_one.seq == 11


def test_nothing_was_under_way_at_rest() -> None:
    node, _ = node_of(LiveTens, [StreamState("s", "s", 7, False, {}, {}, 4, 4, 6, was_cut=False)])
    assert isinstance(node.stage, LiveTens)
    node.stage.waiting = 1
    (next_one,) = made(node)
    assert (next_one.alive, next_one.seq) == (True, 7)


def test_draining_ends_the_stream_where_it_is() -> None:
    node, _ = node_of(Tens)
    node.produce()
    node.drain()
    (end,) = made(node)
    assert (end.seq, end.end) == (1, True)


def test_a_source_without_frames_is_an_empty_stream() -> None:
    node, told = node_of(Silent)
    (end,) = made(node)
    assert (end.seq, end.end) == (0, True)
    assert isinstance(told[0], StreamOpened)


def test_a_shot_without_a_place_is_the_authors_mistake() -> None:
    node, _ = node_of(Slotless)
    with pytest.raises(StageError, match="without asking for a slot"):
        node.produce()
