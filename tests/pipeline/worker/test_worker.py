"""One worker between real inboxes: whose packets it accepts, whom it credits, what it sends again."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from framewire.pipeline.frame.packet import Packet
from framewire.pipeline.graph import PipelineSpec, StageSpec, make_plan
from framewire.pipeline.nodes.node import StageNode
from framewire.pipeline.nodes.notes import Notes
from framewire.pipeline.nodes.source_node import SourceNode
from framewire.pipeline.stage import Stage
from framewire.pipeline.stage_context import StageContext
from framewire.pipeline.wire.inbox import Inbox, Outbox, Outboxes, new_endpoint
from framewire.pipeline.wire.message import Ask, Connect, Deliver, Message, Peer, decode_for_worker, encode
from framewire.pipeline.worker.out_edge import PREFETCH
from framewire.pipeline.worker.worker import Worker
from tests.system.pipelines.odd_stages import Numbers, NumbersOptions


class Same(Stage[None]):
    def process(self, packet: Packet) -> Packet:
        return packet


def spec() -> PipelineSpec:
    """Two sources in one process, a stage with two replicas, a sink."""
    return PipelineSpec(
        name="p",
        stages=(
            StageSpec(name="left", use="x", kind="source", process="both"),
            StageSpec(name="right", use="x", kind="source", process="both"),
            StageSpec(name="look", use="x", inputs=("left", "right"), replicas=2),
            StageSpec(name="sink", use="x", inputs=("look",), kind="sink", ordered=True),
        ),
    )


class Scene:
    """A worker driven step by step, and the inboxes of its peers."""

    def __init__(self, process: str) -> None:
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        plan = make_plan(spec())
        names = [worker for one in plan.processes for worker in one.workers]
        self.inboxes = {name: Inbox(self.context, new_endpoint("p", name)) for name in names}
        own = next(one for one in plan.processes if process in one.stages)
        self.outboxes = Outboxes(self.context)
        self.told: list[Message] = []
        nodes: dict[str, StageNode] = {}
        self.sources: list[SourceNode] = []
        for name in own.stages:
            if name == "look":
                context = StageContext(name, Path("out"))
                nodes[name] = StageNode(spec().stage(name), Same(None, context), context, plan, Notes())
            else:
                self.sources.append(self._source(name))
        self.worker = Worker(
            plan, own, 0, 0, nodes, self.sources, self.inboxes[own.workers[0]], self.outboxes, self.told.append
        )
        self._to_it = Outbox(self.context, self.inboxes[own.workers[0]].endpoint)
        self._waiting = self.inboxes[own.workers[0]]

    def _source(self, name: str) -> SourceNode:
        context = StageContext(name, Path("out"))
        source = Numbers(NumbersOptions(count=2, width=4, height=2), context)
        source.wake = lambda: None
        return SourceNode(source, context, 8, 2**20, Notes(), lambda message: self.told.append(message))

    def give(self, *messages: Message) -> None:
        """Have the worker take these one by one."""
        for message in messages:
            self._to_it.send(encode(message))
            assert self._waiting.socket.poll(5000)
            self.worker._step()

    def connect(self, lives: dict[str, int] | None = None, **epochs: int) -> Connect:
        peers = {name: Peer(box.endpoint, (lives or {}).get(name, 0)) for name, box in self.inboxes.items()}
        return Connect(epochs, peers, [], [], [])

    def got(self, peer: str) -> list[Message]:
        """What a peer has got since the last call."""
        found: list[Message] = []
        while self.inboxes[peer].socket.poll(200):
            found.append(decode_for_worker(self.inboxes[peer].socket.recv()))
        return found

    def close(self) -> None:
        self.outboxes.close()
        self._to_it.close()
        for inbox in self.inboxes.values():
            inbox.close()
        self.context.term()


@pytest.fixture
def look() -> Iterator[Scene]:
    scene = Scene("look")
    yield scene
    scene.close()


@pytest.fixture
def both() -> Iterator[Scene]:
    scene = Scene("left")
    yield scene
    scene.close()


def packet(source: str, seq: int) -> Packet:
    return Packet(source=source, stream=source, seq=seq, window=8)


def deliver(epoch: int, source: str, seq: int, incarnation: int = 0) -> Deliver:
    return Deliver(epoch, (source, "look"), 0, incarnation, packet(source, seq))


def credit(messages: list[Message]) -> dict[str, int]:
    """The total asked for, by producer."""
    asked: dict[str, int] = {}
    for message in messages:
        assert isinstance(message, Ask)
        asked[message.edge[0]] = asked.get(message.edge[0], 0) + message.count
    return asked


def handed_on(messages: list[Message]) -> list[tuple[int, str, int]]:
    return [
        (message.epoch, message.packet.source, message.packet.seq)
        for message in messages
        if isinstance(message, Deliver)
    ]


def test_an_epoch_voids_the_packets_of_its_sources_alone(look: Scene) -> None:
    look.give(look.connect(left=1, right=1), deliver(1, "left", 0), deliver(1, "right", 0), look.connect(left=2))
    look.give(deliver(1, "left", 1), deliver(1, "right", 1), deliver(2, "left", 0))
    assert handed_on(look.got("sink#0")) == [
        (1, "left", 0),
        (1, "right", 0),
        (1, "right", 1),
        (2, "left", 0),
    ]


def test_a_packet_of_an_epoch_to_come_waits_for_it(look: Scene) -> None:
    look.give(deliver(1, "right", 0), look.connect(left=1), deliver(1, "left", 0))
    assert handed_on(look.got("sink#0")) == [(1, "left", 0)]
    look.give(look.connect(right=1))
    assert handed_on(look.got("sink#0")) == [(1, "right", 0)]


def test_every_packet_gives_its_credit_back_once_stale_or_not(look: Scene) -> None:
    look.give(look.connect(left=1, right=1))
    assert credit(look.got("left+right#0")) == {"left": PREFETCH, "right": PREFETCH}
    look.give(deliver(1, "left", 0), look.connect(left=2), deliver(1, "left", 1), deliver(1, "right", 0))
    assert credit(look.got("left+right#0")) == {"left": 2, "right": 1}


def test_a_producer_that_was_restarted_gets_new_credit_and_none_for_what_it_sent_before(look: Scene) -> None:
    look.give(look.connect(left=1, right=1))
    look.got("left+right#0")
    look.give(look.connect({"left+right#0": 1}, left=2, right=2))
    assert credit(look.got("left+right#0")) == {"left": PREFETCH, "right": PREFETCH}
    look.give(deliver(1, "left", 0, incarnation=0), deliver(2, "left", 0, incarnation=1))
    assert credit(look.got("left+right#0")) == {"left": 1}


def test_what_names_no_edge_source_or_sender_of_ours_is_refused(look: Scene) -> None:
    look.give(look.connect(left=1, right=1))
    strange: list[Deliver | Ask] = [
        Deliver(1, ("left", "sink"), 0, 0, packet("left", 0)),
        Deliver(1, ("left", "look"), 0, 0, packet("right", 0)),
        Deliver(0, ("left", "look"), 9, 0, packet("left", 0)),
        Ask(("look", "sink"), 5, 0, 1),
        Ask(("left", "look"), 0, 0, 1),
    ]
    look.give(*strange)
    assert look.worker._refusals.count == len(strange)
    assert handed_on(look.got("sink#0")) == []


def test_only_the_sources_of_the_epoch_send_again(both: Scene) -> None:
    def asks(replica: int, incarnation: int) -> list[Message]:
        return [Ask((source, "look"), replica, incarnation, 8) for source in ("left", "right")]

    both.give(both.connect(left=1, right=1), *asks(0, 0))
    while both.worker._next_source() is not None:
        both.worker._step()
    sent = handed_on(both.got("look#0"))
    assert sorted(sent) == [(1, source, seq) for source in ("left", "right") for seq in (0, 1, 2)]
    both.give(both.connect(left=2))
    assert handed_on(both.got("look#0")) == [(2, "left", seq) for seq in (0, 1, 2)]
    assert {source.stream: source.source_figures.resent for source in both.sources} == {"left": 3, "right": 0}


def test_credit_of_a_restarted_replica_waits_until_we_know_where_it_is(both: Scene) -> None:
    both.give(both.connect(left=1, right=1), Ask(("left", "look"), 1, 1, 8))
    while both.worker._next_source() is not None:
        both.worker._step()
    assert handed_on(both.got("look#1")) == []
    both.give(both.connect({"look#1": 1}, left=2, right=2))
    assert handed_on(both.got("look#1")) == [(2, "left", seq) for seq in (0, 1, 2)]
