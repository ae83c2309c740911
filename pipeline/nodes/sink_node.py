"""Runs a sink: the gate before it, and law 3: it settles in order, cumulatively."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from msgspec import Struct

from framewire.pipeline.flow.gate import Gate
from framewire.pipeline.frame.packet import Event, Packet
from framewire.pipeline.frame.ring import PictureLostError, RingReader
from framewire.pipeline.graph.plan import Plan
from framewire.pipeline.graph.spec import StageSpec
from framewire.pipeline.nodes.node import StageNode, StreamAtStage
from framewire.pipeline.nodes.notes import Notes
from framewire.pipeline.nodes.stage_note import note_stage
from framewire.pipeline.seen.figures import KIND_AND_PLACE, EventTally
from framewire.pipeline.seen.histogram import Histogram
from framewire.pipeline.stage import Sink
from framewire.pipeline.stage_context import StageContext
from framewire.pipeline.wire.message import Exceptional, Settle, StreamState

SETTLE_SHARE = 8
"""A busy sink reports its mark once per eighth of a window; an idle one reports at once."""


class _Written(Struct):
    """What to report of a frame once it is settled."""

    seq: int
    exceptional: Exceptional | None
    labels: list[str]
    events: tuple[Event, ...]


class _Told(Struct):
    """A stream at this sink: its mark, the mark last reported, and what to report beyond it."""

    window: int
    mark: int
    told: int
    written: deque[_Written]
    ended: bool = False
    ended_told: bool = False


class SinkNode(StageNode):
    """Runs one sink. `accept` yields nothing; `settled` yields the reports to the ledger.

    `show`, if set, gets each frame before it is written: somebody is watching.
    """

    stage: Sink[Any]

    def __init__(
        self,
        spec: StageSpec,
        stage: Sink[Any],
        context: StageContext,
        plan: Plan,
        notes: Notes,
        incarnation: int = 0,
    ) -> None:
        super().__init__(spec, stage, context, plan, notes, incarnation)
        self._written: dict[str, _Told] = {}
        self.show: Callable[[str, Packet, RingReader], None] | None = None
        self.is_complete = False
        """Set before `close` if every stream has ended everywhere: no file is needed for going on."""

    def close(self) -> None:
        """Close the sink; if the run has come to its end, so have its files."""
        super().close()
        if self.is_complete:
            self.context.unfinished.complete()

    def resume(self, streams: list[StreamState]) -> None:
        """Replace a dead worker: cut each stream's output back to the ledger's mark."""
        for state in streams:
            if self.spec.name not in state.sink_marks:
                continue
            mark = state.sink_marks[self.spec.name]
            self._first[state.stream] = mark
            if not state.ended:
                self.stage.resume(state.stream, mark)

    def settled(self, at_once: bool) -> Iterator[Settle]:
        """What the ledger does not know yet; small steps only if `at_once`."""
        for stream, told in self._written.items():
            step = 1 if at_once else max(1, told.window // SETTLE_SHARE)
            if told.mark - told.told < step and not (told.ended and not told.ended_told):
                continue
            yield self._what_is_new(stream, told)

    def _first_seq(self, packet: Packet) -> int:
        return self._first.get(packet.stream, 0)

    def _through_gate(self, at: StreamAtStage, gate: Gate, packet: Packet) -> Iterator[Packet]:
        gate.put(packet)
        while (waiting := gate.peek()) is not None:
            if not self._write(waiting):
                gate.refuse()
                return
            gate.advance()
        yield from ()

    def _write(self, packet: Packet) -> bool:
        told = self._written.get(packet.stream)
        if told is None:
            told = self._written[packet.stream] = _Told(packet.window, packet.seq, packet.seq, deque())
        reason = self.condemned(packet)
        if reason is not None:
            packet = self.set_aside(packet, reason)
        started = self.start_clock([packet])
        try:
            if packet.end:
                self.stage.end(packet)
                told.mark, told.ended = packet.seq + 1, True
                return True
            if self.show is not None and packet.alive:
                self.show(self.spec.name, packet, self.context.reader)
            mark = self.stage.write(packet)
        except PictureLostError:
            self.late += 1
            return False
        except Exception as error:
            note_stage(error, self.spec.name)
            raise
        finally:
            self.stop_clock(started)
        if not told.mark <= mark <= packet.seq + 1:
            raise RuntimeError(f"{self.spec.name}.write returned mark {mark} after frame {packet.seq}")
        told.mark = mark
        told.written.append(_what_to_tell(packet))
        self.figures.end_to_end.setdefault(packet.stream, Histogram()).add(time.monotonic() - packet.captured)
        return True

    def _what_is_new(self, stream: str, told: _Told) -> Settle:
        exceptions: list[Exceptional] = []
        found: dict[str, int] = {}
        events: dict[str, EventTally] = {}
        while told.written and told.written[0].seq < told.mark:
            written = told.written.popleft()
            if written.exceptional is not None:
                exceptions.append(written.exceptional)
            for label in written.labels:
                found[label] = found.get(label, 0) + 1
            for event in written.events:
                tally = events.setdefault(f"{event.kind}{KIND_AND_PLACE}{event.where}", EventTally())
                tally.add(EventTally(1, event.value or 0.0, event.value))
        told.told, told.ended_told = told.mark, told.ended
        return Settle(self.spec.name, self._incarnation, stream, told.mark, exceptions, found, told.ended, events)


def _what_to_tell(packet: Packet) -> _Written:
    exceptional = None
    if not packet.alive:
        exceptional = Exceptional(packet.seq, packet.outcome, packet.reason, packet.stage)
    return _Written(packet.seq, exceptional, [detection.label for detection in packet.detections], packet.events)
