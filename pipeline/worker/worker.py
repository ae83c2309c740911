"""One process of a pipeline: its inbox, its stages, its edges, and the loop that waits only for messages."""

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial

import msgspec

from framewire.pipeline.frame.answer import plain_facts
from framewire.pipeline.frame.packet import Packet
from framewire.pipeline.graph.plan import Edge, EdgeId, Plan, Process, Routing
from framewire.pipeline.nodes.batch_node import BatchNode
from framewire.pipeline.nodes.node import StageNode
from framewire.pipeline.nodes.sink_node import SinkNode
from framewire.pipeline.nodes.skipping_sink_node import SkippingSinkNode
from framewire.pipeline.nodes.source_node import SourceNode
from framewire.pipeline.nodes.tracer import Tracer
from framewire.pipeline.seen.figures import WorkerFigures
from framewire.pipeline.wire.inbox import MESSAGE_BYTES_MAX, Inbox, Outboxes
from framewire.pipeline.wire.message import (
    Ask,
    Connect,
    Deliver,
    Drain,
    Exit,
    MadeSafe,
    MakeSafe,
    Mark,
    Message,
    Pause,
    RefusedError,
    Report,
    Spans,
    ToWorker,
    Wake,
    Watch,
    decode_for_worker,
    encode,
    forwarded,
)
from framewire.pipeline.wire.refused import Refusals, delivery_in
from framewire.pipeline.worker.allocator import resident_bytes
from framewire.pipeline.worker.credit import Credit, EdgeIn
from framewire.pipeline.worker.glimpse import Glimpses
from framewire.pipeline.worker.out_edge import OutEdge

REPORT_S = 0.5
"""Workers report figures this often while they change: twice a second is what a person can follow."""

TOO_LARGE = "too_large"
"""The reason of a frame with so many detections that no message takes it."""
EARLY_MAX = 10_000
"""Messages of a future epoch that are kept: a peer that is ahead sends about a window of each stream."""

log = logging.getLogger("framewire")


class Worker:
    """Handles inbox messages one by one; runs its sources in turn when a window is open and no message waits."""

    def __init__(
        self,
        plan: Plan,
        process: Process,
        replica: int,
        incarnation: int,
        nodes: dict[str, StageNode],
        sources: Sequence[SourceNode],
        inbox: Inbox,
        outboxes: Outboxes,
        tell: Callable[[Message], None],
        trace_every: int = 0,
        continues: bool = False,
    ) -> None:
        """With `trace_every`, every n-th frame is traced. One that `continues` takes the place of a dead worker."""
        self._continues = continues
        self.name = process.workers[replica]
        self._plan = plan
        self._process = process
        self._replica = replica
        self._incarnation = incarnation
        self._nodes = nodes
        self._sources = list(sources)
        self._inbox = inbox
        self._outboxes = outboxes
        self._tell = tell
        self._connected = False
        self._epochs: dict[str, int] = dict.fromkeys(plan.sinks_of, 0)
        self._early: list[Deliver | Ask] = []
        self._refusals = Refusals(self.name)
        self._leaving = False
        self._last_report = 0.0
        self._changed = False
        self._in = {
            edge.id: EdgeIn(
                edge.consumer,
                frozenset(plan.sources_at[edge.producer]),
                plan.process_of(edge.producer).workers if edge.routing is Routing.ASK else [],
            )
            for edge in plan.edges
            if edge.consumer in nodes
        }
        self._out = {
            edge.id: self._out_edge(edge)
            for edge in plan.edges
            if edge.producer in process.stages and edge.routing is not Routing.LOCAL
        }
        self._via: dict[str, int] = {}
        """For each peer, how often the link to it was restarted."""
        self._credit = Credit(self._in, self._ask, lambda stage: self._nodes[stage].batch_size)
        self._ways_out = {stage: [self._way_out(edge) for edge in plan.out_of(stage)] for stage in process.stages}
        self._batching = [node for node in nodes.values() if isinstance(node, BatchNode)]
        self._glimpses = Glimpses(self._show)
        self._tracer = Tracer(trace_every) if trace_every else None
        for node in nodes.values():
            node.tracer = self._tracer
        for source in self._sources:
            source.tracer = self._tracer
        self._sinks = [node for node in nodes.values() if isinstance(node, SinkNode)]
        self._skipping = [node for node in self._sinks if isinstance(node, SkippingSinkNode)]

    def run(self) -> None:
        """Run until the supervisor sends Exit, or a stage gives up; then close all stages, in any case."""
        with ExitStack() as closing:
            closing.callback(self._last_words)
            for source in self._sources:
                closing.callback(source.close)
            for node in reversed(self._nodes.values()):
                closing.callback(node.close)
            while not self._leaving:
                self._step()

    def _last_words(self) -> None:
        """What is safe is settled, however the worker ends; then its figures."""
        self._settle(at_once=True)
        self.report()

    def _step(self) -> None:
        """Take one message, or make one frame, or write one where that waits for messages, or wait."""
        self._retry_due()
        raw = self._inbox.waiting()
        if raw is None and (source := self._next_source()) is not None:
            self._produce(source)
            self._report_if_due()
            return
        if raw is None and self._skipping and any(sink.write_next() for sink in self._skipping):
            self._settle(at_once=True)
            self._report_if_due()
            return
        if raw is None:
            raw = self._idle()
        if raw is not None:
            self._take(raw)
            self._report_if_due()

    def _retry_due(self) -> None:
        """Let the sinks that a disk has failed try again, if it is time."""
        for sink in self._sinks:
            if sink.retry_at is not None and sink.retry():
                self._changed = True

    def _next_source(self) -> SourceNode | None:
        """A source that may make a frame now: the one that has waited longest since its last."""
        for source in self._sources:
            if source.may_produce:
                self._sources.remove(source)
                self._sources.append(source)
                return source
        return None

    def report(self) -> None:
        """Send the supervisor this worker's figures since its start."""
        self._last_report = time.monotonic()
        self._changed = False
        stages = {}
        nodes: list[StageNode | SourceNode] = [*self._nodes.values(), *self._sources]
        for node in nodes:
            # What a stage says of itself may change while it runs.
            node.figures.facts = plain_facts(node.context.facts)
            node.figures.published = node.context.published
            stages[node.context.name] = node.figures
        sources = {source.stream: source.source_figures for source in self._sources}
        late = sum(node.late for node in self._nodes.values())
        figures = WorkerFigures(stages, sources, time.process_time(), resident_bytes(), self._refusals.count, late)
        self._tell(Report(self.name, self._incarnation, figures))
        self._tell_trace()

    def _idle(self) -> bytes | None:
        """Nothing waits: report what is settled, then sleep until a message arrives or a timer is due."""
        self._settle(at_once=True)
        if self._flush_due():
            return None
        due = [at for node in self._batching if (at := node.flush_at) is not None]
        if self._changed:
            due.append(self._last_report + REPORT_S)
        due += [at for source in self._sources if (at := source.ready_at) is not None]
        due += [at for sink in self._sinks if (at := sink.retry_at) is not None]
        raw = self._inbox.wait(max(0.0, min(due) - time.monotonic()) if due else None)
        # A source may have news: a picture is due, or none has come.
        self._changed = self._changed or (raw is None and bool(self._sources))
        if raw is None and self._changed:
            self._report_if_due()
        return raw

    def _flush_due(self) -> bool:
        """Process the batches that have waited long enough; returns whether there was any."""
        now = time.monotonic()
        due = [node for node in self._batching if node.flush_at is not None and node.flush_at <= now]
        for node in due:
            for answer in node.flush():
                self._emit(node.spec.name, answer)
        self._changed = self._changed or bool(due)
        return bool(due)

    def _report_if_due(self) -> None:
        self._changed = True
        if time.monotonic() - self._last_report >= REPORT_S:
            self.report()
        elif self._tracer is not None and self._tracer.is_full:
            self._tell_trace()

    def _tell_trace(self) -> None:
        if self._tracer is not None and (spans := self._tracer.take()):
            self._tell(Spans(self.name, spans))

    def _take(self, raw: bytes) -> None:
        try:
            message = decode_for_worker(raw)
        except RefusedError as error:
            self._refusals.take(raw, error)
            left = delivery_in(raw)
            if left is None:
                return
            message = left
        self._handle(message)

    def _handle(self, message: ToWorker) -> None:
        match message:
            case Deliver():
                self._delivered(message)
            case Ask():
                self._asked(message)
            case Mark():
                for source in self._sources:
                    if source.stream == message.stream:
                        source.settle(message.mark)
            case Connect():
                self._connect(message)
            case Drain():
                for source in self._sources:
                    source.drain()
            case Pause():
                for source in self._sources:
                    source.is_paused = source.is_paused or source.context.name in message.sources
                self.report()
            case MakeSafe():
                for node in self._nodes.values():
                    node.make_safe(message.sources)
                self._settle(at_once=True)
                self.report()
                self._tell(MadeSafe(self.name, message.number))
            case Wake():
                # The loop checks the source next.
                self._changed = True
                for sink in self._sinks:
                    sink.has_room()
            case Watch():
                self._watched(message)
            case Exit():
                self._leaving = True
                for node in self._nodes.values():
                    node.context.closes_within_s = message.within_s

    def _watched(self, message: Watch) -> None:
        self._glimpses.watch(message)
        for node in self._sinks:
            node.show = self._glimpses.show

    def _show(self, endpoint: str, message: Message) -> None:
        self._outboxes.send_to(endpoint, encode(message))

    def _hold(self, message: Deliver | Ask) -> None:
        """A peer has learned of a new epoch before us: keep its message until we do."""
        if len(self._early) < EARLY_MAX:
            self._early.append(message)
        else:
            self._refuse(message, "too many messages have come early")

    def _refuse(self, message: ToWorker, why: str) -> None:
        self._refusals.take(encode(message), why)

    def _delivered(self, message: Deliver) -> None:
        edge = self._in.get(message.edge)
        if edge is None or message.packet.source not in edge.sources:
            self._refuse(message, "no such packets come here")
            return
        epoch = self._epochs[message.packet.source]
        if message.epoch > epoch:
            self._hold(message)
            return
        if message.epoch == epoch:
            self._accept(edge.consumer, message.edge, message.packet)
        # A stale packet has used up credit, too.
        if edge.asked and not self._credit.give_back(message.edge, message.sender, message.incarnation):
            self._refuse(message, "there is no such sender")
        self._settle(at_once=False)

    def _asked(self, message: Ask) -> None:
        out = self._out.get(message.edge)
        if out is None or not out.takes(message.consumer):
            self._refuse(message, "nobody may ask for that here")
        elif out.is_early(message.consumer, message.incarnation):
            self._hold(message)
        else:
            out.asked(message.consumer, message.incarnation, message.count)

    def _accept(self, stage: str, edge: EdgeId, packet: Packet) -> None:
        for answer in self._nodes[stage].accept(edge, packet):
            self._emit(stage, answer)

    def _emit(self, stage: str, packet: Packet) -> None:
        packet = msgspec.structs.replace(packet, sent=time.monotonic())
        for hand_on in self._ways_out[stage]:
            hand_on(packet)

    def _out_edge(self, edge: Edge) -> OutEdge:
        consumer = self._plan.process_of(edge.consumer)
        own = self._process.machine_of(self._replica)
        here = frozenset(replica for replica in range(consumer.replicas) if consumer.machine_of(replica) == own)
        near = consumer.near if len(consumer.machines) > 1 else "any"
        return OutEdge(edge, consumer.workers, self._send, near, here)

    def _way_out(self, edge: Edge) -> Callable[[Packet], None]:
        if edge.routing is Routing.LOCAL:
            return partial(self._accept, edge.consumer, edge.id)
        return self._out[edge.id].put

    def _produce(self, source: SourceNode) -> None:
        packet = source.produce()
        if packet is not None:
            self._emit(source.context.name, packet)
        self._settle(at_once=False)

    def _send(self, consumer: str, edge: EdgeId, packet: Packet) -> None:
        raw = self._delivery(consumer, edge, packet)
        if len(raw) > MESSAGE_BYTES_MAX:
            # The receiver would refuse it, and with it the connection.
            log.error("frame %d of %s: its packet has %d bytes, too many", packet.seq, packet.stream, len(raw))
            raw = self._delivery(consumer, edge, packet.without_content().fail(TOO_LARGE, edge[0]))
        self._outboxes.send(consumer, raw)

    def _delivery(self, consumer: str, edge: EdgeId, packet: Packet) -> bytes:
        return encode(Deliver(self._epochs[packet.source], edge, self._replica, self._life_to(consumer), packet))

    def _life_to(self, peer: str) -> int:
        """Which of our lives this is to a peer: see Peer."""
        return self._incarnation + self._via.get(peer, 0)

    def _ask(self, edge: EdgeId, producer: str, count: int) -> None:
        self._outboxes.send(producer, encode(Ask(edge, self._replica, self._life_to(producer), count)))

    def _settle(self, at_once: bool) -> None:
        for node in self._sinks:
            for settled in node.settled(at_once):
                self._tell(settled)

    def _connect(self, message: Connect) -> None:
        self._epochs.update(message.epochs)
        far = {name: partial(forwarded, name, peer.incarnation) for name, peer in message.peers.items() if peer.is_far}
        self._outboxes.readdress({name: peer.endpoint for name, peer in message.peers.items()}, far)
        self._via.update({name: peer.via for name, peer in message.peers.items()})
        lives = {name: peer.incarnation + peer.via for name, peer in message.peers.items()}
        for out in self._out.values():
            out.reset(message.epochs, lives)
        for node in self._nodes.values():
            node.reset(message.epochs, message.condemned, message.suspects)
        if not self._connected and self._continues:
            # All streams at once: a sink cuts its files before it gets any frame.
            for node in self._nodes.values():
                node.resume(message.streams)
        self._connected = True
        self._credit.give_to_new(lives)
        for source in self._sources:
            if source.context.name in message.epochs:
                self._go_on_with(source, message)
        early, self._early = self._early, []
        for held in early:
            self._handle(held)

    def _go_on_with(self, source: SourceNode, message: Connect) -> None:
        source.is_paused = False
        if not source.started:
            source.start(message.streams)
            # A stream that never gives a picture must be seen, too.
            self._report_if_due()
        for packet in source.send_again():
            self._emit(source.context.name, packet)
