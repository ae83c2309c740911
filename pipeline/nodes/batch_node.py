"""A stage that takes several frames at once: gathers them from any streams, and answers each."""

import time
from collections.abc import Container, Iterator, Sequence
from typing import Any

from msgspec import Struct

from framewire.pipeline.frame.packet import Packet
from framewire.pipeline.graph.plan import EdgeId, Plan
from framewire.pipeline.graph.spec import BatchSpec, StageSpec
from framewire.pipeline.nodes.node import StageNode, StreamAtStage
from framewire.pipeline.nodes.notes import Notes
from framewire.pipeline.stage import Stage
from framewire.pipeline.stage_context import StageContext
from framewire.pipeline.wire.message import Condemned


class _Gathered(Struct):
    at: StreamAtStage
    packet: Packet


class BatchNode(StageNode):
    """Runs one stage that batches. `accept` answers when a batch is full, `flush` when it has waited long enough."""

    def __init__(self, spec: StageSpec, stage: Stage[Any], context: StageContext, plan: Plan, notes: Notes) -> None:
        super().__init__(spec, stage, context, plan, notes)
        self.flush_at: float | None = None
        self._batch = spec.batch or BatchSpec()
        self._gathered: list[_Gathered] = []
        self._suspects: set[tuple[str, int]] = set()

    def accept(self, edge: EdgeId, packet: Packet) -> Iterator[Packet]:
        """The answers due now that `packet` has arrived over `edge`."""
        at = self._at(packet)
        whole = self._whole(at, edge, packet)
        if whole is None:
            return
        again = at.memo.recall(whole, self.context)
        if again is not None or not whole.alive or self.condemned(whole) or self._idle(whole):
            # Nothing to process: it need not wait.
            answer = again or self._new_answer(at, whole)
            if answer is not None:
                yield answer
            return
        gathered = _Gathered(at, whole)
        if (whole.stream, whole.seq) in self._suspects:
            yield from self._together([gathered])
            return
        if not self._gathered:
            self.flush_at = time.monotonic() + self._batch.wait_ms / 1000
        self._gathered.append(gathered)
        if len(self._gathered) >= self._batch.size:
            yield from self.flush()

    def _idle(self, packet: Packet) -> bool:
        try:
            return bool(self.stage.idle(packet))
        except BaseException:
            # Leave a bad frame to `process_batch`, where it fails alone.
            return False

    def flush(self) -> Iterator[Packet]:
        """Process the gathered frames, and yield the answers."""
        gathered, self._gathered, self.flush_at = self._gathered, [], None
        if gathered:
            yield from self._together(gathered)

    def reset(self, sources: Container[str], condemned: list[Condemned], suspects: list[Condemned]) -> None:
        """A new epoch of these sources: their gathered frames will be sent again; suspects are processed alone."""
        super().reset(sources, condemned, suspects)
        self._gathered = [one for one in self._gathered if one.packet.source not in sources]
        if not self._gathered:
            self.flush_at = None
        self._suspects = {(frame.stream, frame.seq) for frame in suspects if frame.stage == self.spec.name}

    def _together(self, gathered: Sequence[_Gathered]) -> Iterator[Packet]:
        packets = [one.packet for one in gathered]
        answers = self._call(packets) if len(packets) > 1 else None
        if answers is None:
            # Only one; or one fails the whole call, or its picture is lost: each alone.
            answers = [self._work(packet) for packet in packets]
        for one, answer in zip(gathered, answers, strict=True):
            if answer is not None:
                yield self.keep(one.at, answer)

    def _call(self, packets: list[Packet]) -> list[Packet | None] | None:
        """The stage's answers, None for a frame whose picture was lost meanwhile; None if the call failed."""
        started = self.start_clock(packets)
        try:
            answers = self._process_all(packets)
        except BaseException:
            self._notes.put_down()
            self.context.abandon_pictures()
            return None
        self.stop_clock(started, len(packets))
        self.context.finish_pictures()
        there = [self._still_there(packet) for packet in packets]
        self.late += there.count(False)
        return [answer if here else None for answer, here in zip(answers, there, strict=True)]

    def _process(self, packet: Packet) -> Packet:
        return self._process_all([packet])[0]

    def _process_all(self, packets: list[Packet]) -> list[Packet]:
        given = self.stage.process_batch(packets)
        if not isinstance(given, Sequence):
            raise TypeError(f"process_batch must return a sequence of packets, not {type(given).__name__}")
        if len(given) != len(packets):
            raise ValueError(f"process_batch gave {len(given)} answers to {len(packets)} packets")
        return [self._checked(packet, answer) for packet, answer in zip(packets, given, strict=True)]
