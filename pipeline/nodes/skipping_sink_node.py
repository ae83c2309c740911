"""Runs a sink that holds nobody: what it cannot keep up with, it leaves out, and says so."""

from bisect import insort
from collections import deque
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from framewire.pipeline.flow.gate import Gate
from framewire.pipeline.frame.packet import Packet
from framewire.pipeline.frame.ring import CopyingReader
from framewire.pipeline.graph.plan import Plan
from framewire.pipeline.graph.spec import StageSpec
from framewire.pipeline.nodes.node import StreamAtStage
from framewire.pipeline.nodes.notes import Notes
from framewire.pipeline.nodes.sink_node import SinkNode, StreamAtSink
from framewire.pipeline.stage import Sink
from framewire.pipeline.stage_context import StageContext

SLACK_SHARE = 4
"""A quarter of a window may wait before the sink counts as too slow: replicas and batches bring frames in bursts."""


class _Queue(Struct):
    """Frames in order that wait to be written; once `lags`, only the newest, until it has caught up."""

    waiting: deque[Packet]
    lags: bool = False


class SkippingSinkNode(SinkNode):
    """Takes all frames that are there, then writes one of them: the next, or the newest if it is behind.

    The stream's mark does not wait for it, so a picture may be overwritten while it reads: it gets checked copies.
    """

    def __init__(
        self, spec: StageSpec, stage: Sink[Any], context: StageContext, plan: Plan, notes: Notes, incarnation: int
    ) -> None:
        context.reader = CopyingReader()
        super().__init__(spec, stage, context, plan, notes, incarnation)
        self._queues: dict[str, _Queue] = {}

    def write_next(self) -> bool:
        """Write one frame, of the stream that has waited longest; returns whether there was one. Raises StageError."""
        for stream in list(self._queues):
            queue, at = self._queues[stream], self._written.get(stream)
            if not queue.waiting:
                queue.lags = False
            elif at is None or not at.fails:
                # The others come first the next time.
                self._queues[stream] = self._queues.pop(stream)
                self._write_first(queue.waiting)
                return True
        return False

    def _through_gate(self, at: StreamAtStage, gate: Gate, packet: Packet) -> Iterator[Packet]:
        queue = self._queues.setdefault(packet.stream, _Queue(deque()))
        if gate.passed(packet.seq):
            self._replace(queue.waiting, packet)
            return
        at_sink = self._at_sink(packet, gate.next_seq)
        if at.mark > gate.next_seq:
            # Settled without us: these frames do not come again.
            self._leave_out(at_sink, gate.next_seq, at.mark)
            gate.skip_to(at.mark)
        gate.put(packet)
        while (waiting := gate.peek()) is not None:
            gate.advance()
            queue.waiting.append(waiting)
        queue.lags = queue.lags or len(queue.waiting) > max(1, packet.window // SLACK_SHARE)
        if queue.lags and queue.waiting:
            self._keep_the_newest(at_sink, queue.waiting)
        yield from ()

    def _go_on(self, stream: str) -> None:
        queue, at = self._queues[stream], self._written[stream]
        tries = at.retry.tries
        while queue.waiting and at.fails and at.retry.tries == tries:
            self._write_first(queue.waiting)
        if not queue.waiting:
            # What could not be written has been left out since.
            self._has_written(at)
            self._advance(at)

    def _replace(self, waiting: deque[Packet], packet: Packet) -> None:
        """A frame that came again: if it still waits, its pictures of now are the ones that exist."""
        for place, one in enumerate(waiting):
            if one.seq == packet.seq:
                waiting[place] = packet

    def _keep_the_newest(self, at: StreamAtSink, waiting: deque[Packet]) -> None:
        kept = 2 if waiting[-1].end else 1
        while len(waiting) > kept:
            self._leave_out_packet(at, waiting.popleft())

    def _write_first(self, waiting: deque[Packet]) -> None:
        packet = waiting[0]
        at = self._written[packet.stream]
        if packet.alive and not self.can_be_seen(packet):
            self._leave_out_packet(at, waiting.popleft())
        elif self._write(at, packet):
            waiting.popleft()
        elif not at.fails:
            # Its picture was overwritten meanwhile: nothing of it may stay.
            self.stage.resume(packet.stream, at.mark)
            self._leave_out_packet(at, waiting.popleft())

    def _leave_out_packet(self, at: StreamAtSink, packet: Packet) -> None:
        if not packet.alive:
            # What has become of it is known all the same.
            at.written.append(packet.without_content())
        self._leave_out(at, packet.seq, packet.seq + 1)

    def _leave_out(self, at: StreamAtSink, first: int, after: int) -> None:
        if at.gaps and at.gaps[-1][1] == first:
            first = at.gaps.pop()[0]
        insort(at.gaps, (first, after))
        if not at.fails:
            self._advance(at)

    def _advance(self, at: StreamAtSink) -> None:
        """What is left out needs no writing; but while that fails, there may be something torn to cut off first."""
        for first, after in at.gaps:
            if first <= at.mark < after:
                at.mark = after
