"""Runs a sink: the gate before it, and law 3: it settles in order, cumulatively."""

import errno
import time
from collections import deque
from collections.abc import Callable, Iterator
from operator import index
from typing import Any, SupportsIndex

from msgspec import Struct

from framewire.pipeline.flow.gate import Gate
from framewire.pipeline.frame.packet import Packet
from framewire.pipeline.frame.ring import PictureLostError, RingReader
from framewire.pipeline.graph.plan import Plan
from framewire.pipeline.graph.spec import StageSpec
from framewire.pipeline.nodes.node import MustBeReplacedError, StageNode, StreamAtStage
from framewire.pipeline.nodes.notes import FrameInHand, Notes
from framewire.pipeline.nodes.stage_note import note_stage
from framewire.pipeline.seen.figures import KIND_AND_PLACE, SERIES_TEXT_MAX, EventTally, series_of
from framewire.pipeline.seen.histogram import Histogram
from framewire.pipeline.stage import Sink, StageError
from framewire.pipeline.stage_context import StageContext
from framewire.pipeline.wire.message import Exceptional, Settle, StreamState

SETTLE_SHARE = 8
"""A busy sink reports its mark once per eighth of a window; an idle one reports at once."""


RETRY_S = (0.5, 1.0, 2.0, 5.0)
"""Seconds until a live stream's frame that could not be written is tried again; the last one from then on."""


class SinkCrashedError(MustBeReplacedError):
    """A sink has failed and holds frames back: a new worker must go on from its mark."""


class _Told(Struct):
    """A stream at this sink: its mark, the mark last reported, and the packets written from there on.

    What they have to report is told once they are settled; until then they may have to be written again.
    """

    window: int
    mark: int
    told: int
    written: deque[Packet]
    ended: bool = False
    ended_told: bool = False
    failing_since: float | None = None
    retry_at: float = 0.0
    tries: int = 0


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

    @property
    def retry_at(self) -> float | None:
        """When `retry` has something to do, by the monotonic clock; None if nothing failed."""
        return min((told.retry_at for told in self._written.values() if told.failing_since is not None), default=None)

    def retry(self) -> None:
        """Write what could not be written before, if it is time."""
        now = time.monotonic()
        for stream, told in self._written.items():
            gate = self._streams[stream].gate
            due = told.failing_since is not None and told.retry_at <= now
            if due and gate is not None and self._write_again(stream, told):
                self._write_waiting(gate)

    def _through_gate(self, at: StreamAtStage, gate: Gate, packet: Packet) -> Iterator[Packet]:
        told = self._written.get(packet.stream)
        if told is not None and told.failing_since is not None:
            for place, written in enumerate(told.written):
                if written.seq == packet.seq and written.alive:
                    # Its source was replaced: these pictures are the ones that exist.
                    told.written[place] = packet
            gate.put(packet)
            return
        gate.put(packet)
        self._write_waiting(gate)
        yield from ()

    def _write_waiting(self, gate: Gate) -> None:
        while (waiting := gate.peek()) is not None:
            told = self._written.get(waiting.stream)
            if told is None:
                if self.context.resumed and waiting.stream not in self._first:
                    # The ledger did not know the stream yet: whatever there is of it comes again.
                    self.stage.resume(waiting.stream, waiting.seq)
                told = self._written[waiting.stream] = _Told(waiting.window, waiting.seq, waiting.seq, deque())
            if not self._write(told, waiting):
                if told.failing_since is None:
                    gate.refuse()
                return
            gate.advance()

    def _write_again(self, stream: str, told: _Told) -> bool:
        """Bring the sink back to its mark, and write what came after it; returns whether that was possible."""
        again = [packet for packet in told.written if packet.seq >= told.mark]
        try:
            self.stage.resume(stream, told.mark)
            for packet in again:
                told.mark = self._checked_mark(told, packet, self.stage.write(packet))
        except OSError:
            self._try_later(told)
            return False
        since = told.failing_since or 0.0
        self.context.log.warning("it can be written again, after %.1f s", time.monotonic() - since)
        told.failing_since, told.tries = None, 0
        return True

    def _cannot_write(self, told: _Told, packet: Packet, error: OSError) -> None:
        """A live stream waits, and tries again; any other, or a pipe nobody reads, ends the run. Raises StageError."""
        what = f"{error.filename or self.spec.use} cannot be written: {error.strerror or error}"
        safe = f"frames 0 to {told.mark - 1} of {packet.stream} are safe" if told.mark else "no frame was written"
        if not packet.live or packet.end or error.errno == errno.EPIPE:
            try:
                self.stage.resume(packet.stream, told.mark)
            except (OSError, StageError) as second:
                self.context.log.error("%s", second)
            cannot = StageError(f"{what}; {safe}")
            note_stage(cannot, self.spec.name)
            raise cannot from error
        self.context.log.error("%s; %s; trying again until that is possible", what, safe)
        told.failing_since = time.monotonic()
        self._try_later(told)

    def _try_later(self, told: _Told) -> None:
        told.retry_at = time.monotonic() + RETRY_S[min(told.tries, len(RETRY_S) - 1)]
        told.tries += 1

    def _write(self, told: _Told, packet: Packet) -> bool:
        reason = self.condemned(packet)
        if reason is not None:
            packet = self.set_aside(packet, reason)
        if packet.alive and not self.can_be_seen(packet):
            # Nothing of a frame that will come again may be written already.
            self.late += 1
            return False
        started = self.start_clock([packet])
        slip: BaseException | None = None
        try:
            if packet.end:
                with self._notes.untimed():
                    self.stage.end(packet)
                told.mark, told.ended = packet.seq + 1, True
                return True
            if self.show is not None and packet.alive:
                self.show(self.spec.name, packet, self.context.reader)
            mark = self.stage.write(packet)
        except PictureLostError:
            self.late += 1
            return False
        except OSError as error:
            self._cannot_write(told, packet, error)
            return False
        except BaseException as error:
            if packet.end or isinstance(error, StageError):
                note_stage(error, self.spec.name)
                raise
            slip = error
        finally:
            self.stop_clock(started)
        if slip is not None:
            packet, mark = self._slipped(told, packet, slip), packet.seq + 1
        told.mark = self._checked_mark(told, packet, mark)
        told.written.append(packet)
        self.figures.end_to_end.setdefault(packet.stream, Histogram()).add(time.monotonic() - packet.captured)
        return True

    def _slipped(self, told: _Told, packet: Packet, slip: BaseException) -> Packet:
        """The frame as one that this sink could not write, if that is all that is lost. Raises SinkCrashedError."""
        self.log_failure(packet, slip)
        if told.mark < packet.seq:
            # What it holds back may be lost with it: as in a crash, the frame stays in hand.
            self._notes.take([FrameInHand(self.spec.name, packet.stream, packet.seq)])
            raise SinkCrashedError(f"{self.spec.name} failed on frame {packet.seq} and holds back earlier ones")
        self.stage.resume(packet.stream, packet.seq)
        return packet.fail(type(slip).__name__, self.spec.name)

    def _checked_mark(self, told: _Told, packet: Packet, mark: object) -> int:
        if not isinstance(mark, SupportsIndex):
            raise StageError(
                f"{self.stage.name}.write must return its mark, a whole number (packet.seq + 1 if this frame is safe), "
                f"not {'None' if mark is None else type(mark).__name__}"
            )
        number = index(mark)
        if not told.mark <= number <= packet.seq + 1:
            raise StageError(
                f"{self.stage.name}.write returned mark {number} after frame {packet.seq}: "
                f"it must be from {told.mark} to {packet.seq + 1}"
            )
        return number

    def _what_is_new(self, stream: str, told: _Told) -> Settle:
        exceptions: list[Exceptional] = []
        found: dict[str, int] = {}
        events: dict[str, EventTally] = {}
        while told.written and told.written[0].seq < told.mark:
            packet = told.written.popleft()
            if not packet.alive:
                reason = packet.reason[:SERIES_TEXT_MAX]
                exceptions.append(Exceptional(packet.seq, packet.outcome, reason, packet.stage))
            for detection in packet.detections:
                label = series_of(detection.label, found, len(found))
                found[label] = found.get(label, 0) + 1
            for event in packet.events:
                name = series_of(f"{event.kind}{KIND_AND_PLACE}{event.where}", events, len(events))
                events.setdefault(name, EventTally()).add(EventTally(1, event.value or 0.0, event.value))
        told.told, told.ended_told = told.mark, told.ended
        return Settle(self.spec.name, self._incarnation, stream, told.mark, exceptions, found, told.ended, events)
