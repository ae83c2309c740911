"""Runs a sink: the gate before it, and law 3: it settles in order, cumulatively."""

import errno
import math
import time
from collections import deque
from collections.abc import Callable, Container, Iterator
from operator import index
from typing import Any, SupportsIndex

from msgspec import Struct

from framewire.pipeline.flow.gate import Gate
from framewire.pipeline.flow.no_room import NoRoomError
from framewire.pipeline.frame.happening import Happening
from framewire.pipeline.frame.packet import Packet
from framewire.pipeline.frame.ring import PictureLostError, RingReader
from framewire.pipeline.graph.plan import Plan
from framewire.pipeline.graph.spec import StageSpec
from framewire.pipeline.nodes.node import MustBeReplacedError, StageNode, StreamAtStage
from framewire.pipeline.nodes.notes import FrameInHand, Notes
from framewire.pipeline.nodes.retry import Retry
from framewire.pipeline.nodes.stage_note import note_stage
from framewire.pipeline.seen.figures import KIND_AND_PLACE, SERIES_TEXT_MAX, EventTally, series_of
from framewire.pipeline.seen.histogram import Histogram
from framewire.pipeline.stage import Sink, StageError
from framewire.pipeline.stage_context import StageContext
from framewire.pipeline.wire.message import Exceptional, Settle
from framewire.pipeline.wire.stream_state import StreamState

SETTLE_SHARE = 8
"""A busy sink reports its mark once per eighth of a window; an idle one reports at once."""


class SinkCrashedError(MustBeReplacedError):
    """A sink has failed and holds frames back: a new worker must go on from its mark."""


class LeaseOverError(MustBeReplacedError):
    """The lease of this machine is over: another one may write the same files by now."""


class StreamAtSink(Struct):
    """A stream at this sink: its mark, the mark last reported, and the packets written from there on.

    What they have to report is told once they are settled; until then they may have to be written again. `gaps` are
    the frames left out since the last report, as ranges.
    """

    window: int
    mark: int
    told: int
    written: deque[Packet]
    retry: Retry
    ended: bool = False
    ended_told: bool = False
    gaps: list[tuple[int, int]] = []

    @property
    def fails(self) -> bool:
        """Whether the last try to write failed, and another is to come."""
        return self.retry.since is not None


class SinkNode(StageNode):
    """Runs one sink. `accept` yields nothing; `settled` yields the reports to the ledger.

    `show`, if set, gets each frame before it is written: somebody is watching. Once `is_lease_over`, none is written.
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
        self._written: dict[str, StreamAtSink] = {}
        self.show: Callable[[str, Packet, RingReader], None] | None = None
        self.is_lease_over: Callable[[], bool] = lambda: False

    def resume(self, streams: list[StreamState]) -> None:
        """Replace a dead worker: cut each stream's output back to the ledger's mark."""
        for state in streams:
            if self.spec.name not in state.sink_marks:
                continue
            self._must_have_lease()
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

    def make_safe(self, sources: Container[str]) -> None:
        """Make safe what the sink holds back of live streams of these sources. Raises StageError, SinkCrashedError.

        Frames of other streams come again if they are lost, and files must not depend on when somebody asked.
        """
        for stream, told in self._written.items():
            last = told.written[-1] if told.written else None
            if last is None or last.seq < told.mark or not last.live or last.source not in sources:
                continue
            if told.ended or told.fails:
                continue
            self._must_have_lease()
            try:
                with self._notes.untimed():
                    mark = self.stage.settle(last)
            except OSError as error:
                self._cannot_write(told, stream, error)
            except StageError as error:
                note_stage(error, self.spec.name)
                raise
            except BaseException as error:
                self.log_failure(last, error)
                raise SinkCrashedError(f"{self.spec.name} failed to settle frame {last.seq} of {stream}") from error
            else:
                told.mark = self._checked_mark(told, last, told.mark if mark is None else mark, "settle")

    def _first_seq(self, packet: Packet) -> int:
        return self._first.get(packet.stream, 0)

    @property
    def retry_at(self) -> float | None:
        """When `retry` has something to do, by the monotonic clock; None if nothing failed, or has no room."""
        due = (told.retry.at for told in self._written.values() if told.fails and not told.retry.is_full)
        return min(due, default=None)

    def has_room(self) -> None:
        """The stage has news: what it had no room for may be tried again."""
        for told in self._written.values():
            told.retry.woken()

    def retry(self) -> bool:
        """Write what could not be written before, if it is time; returns whether it was. Raises StageError."""
        due = [stream for stream, told in self._written.items() if told.fails and told.retry.at <= time.monotonic()]
        for stream in due:
            self.figures.retries += 1
            told = self._written[stream]
            if self._write_again(stream, told):
                self._go_on(stream)
            if told.fails and told.retry.at <= time.monotonic():
                # A picture is gone, and comes again.
                told.retry.wait()
        since = [told.retry.since for told in self._written.values() if told.retry.since is not None]
        self.figures.cannot_write_since = min(since, default=None)
        return bool(due)

    def _go_on(self, stream: str) -> None:
        """The sink is at its mark: write what waits behind it."""
        gate = self._streams[stream].gate
        if gate is not None:
            self._write_waiting(gate)

    def _through_gate(self, at: StreamAtStage, gate: Gate, packet: Packet) -> Iterator[Packet]:
        told = self._written.get(packet.stream)
        if told is not None and told.fails:
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
            told = self._at_sink(waiting, waiting.seq)
            if not self._write(told, waiting):
                if not told.fails:
                    gate.refuse()
                return
            gate.advance()

    def _at_sink(self, packet: Packet, seq: int) -> StreamAtSink:
        """The packet's stream at this sink, which begins with frame `seq` if it is not known."""
        told = self._written.get(packet.stream)
        if told is None:
            if self.context.resumed and packet.stream not in self._first:
                # The ledger did not know the stream yet: whatever there is of it comes again.
                self.stage.resume(packet.stream, seq)
            retry = Retry(self._patience_s(packet))
            told = self._written[packet.stream] = StreamAtSink(packet.window, seq, seq, deque(), retry)
        return told

    def _patience_s(self, packet: Packet) -> float:
        """How long what cannot be written is tried again."""
        if self.spec.give_up_s is not None:
            return self.spec.give_up_s
        return math.inf if packet.live else 0.0

    def _write_again(self, stream: str, told: StreamAtSink) -> bool:
        """Bring the sink back to its mark, and write what came after it; returns whether that was possible."""
        self._must_have_lease()
        again = [packet for packet in told.written if packet.seq >= told.mark]
        try:
            self.stage.resume(stream, told.mark)
            for packet in again:
                told.mark = self._checked_mark(told, packet, self.stage.write(packet))
        except OSError as error:
            self._cannot_write(told, stream, error)
            return False
        return True

    def _cannot_write(self, told: StreamAtSink, stream: str, error: OSError) -> None:
        """Try again later, unless that was done for long enough, or nobody reads the pipe. Raises StageError."""
        what = f"{error.filename or self.spec.use} cannot be written: {error.strerror or error}"
        safe = f"frames 0 to {told.mark - 1} of {stream} are safe" if told.mark else "no frame was written"
        is_first = not told.fails
        if isinstance(error, NoRoomError):
            told.retry.full()
            if is_first:
                self.context.log.warning("%s: %s; waiting for room", error.filename, error.strerror)
                self.figures.cannot_write_since = self.figures.cannot_write_since or told.retry.since
            return
        if error.errno != errno.EPIPE and told.retry.failed():
            if is_first:
                limit = self.spec.give_up_s
                until = "until that is possible" if limit is None else f"for {limit:g} s"
                self.context.log.error("%s; %s; trying again %s", what, safe, until)
                self.figures.cannot_write_since = self.figures.cannot_write_since or told.retry.since
            return
        try:
            self.stage.resume(stream, told.mark)
        except (OSError, StageError) as second:
            self.context.log.error("%s", second)
        cannot = StageError(f"{what}; {safe}")
        note_stage(cannot, self.spec.name)
        raise cannot from error

    def _write(self, told: StreamAtSink, packet: Packet) -> bool:
        """Write one frame, or the end; returns whether it was: its picture may be gone, or it must be tried again."""
        self._must_have_lease()
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
                self._has_written(told)
                return True
            if self.show is not None and packet.alive and packet.source not in self._plan.bare_at[self.spec.name]:
                self.show(self.spec.name, packet, self.context.reader)
            mark = self.stage.write(packet)
        except PictureLostError:
            self.late += 1
            return False
        except OSError as error:
            self._cannot_write(told, packet.stream, error)
            return False
        except BaseException as error:
            if packet.end or isinstance(error, StageError):
                note_stage(error, self.spec.name)
                raise
            slip = error
        finally:
            # The end of a stream is no frame.
            self.stop_clock(started, 0 if packet.end else 1)
        if slip is not None:
            packet, mark = self._slipped(told, packet, slip), packet.seq + 1
        told.mark = self._checked_mark(told, packet, mark)
        told.written.append(packet)
        if told.retry.since is not None:
            self._has_written(told)
        end_to_end = self.figures.end_to_end.get(packet.stream)
        if end_to_end is None:
            end_to_end = self.figures.end_to_end[packet.stream] = Histogram()
        end_to_end.add(time.monotonic() - packet.captured)
        return True

    def _must_have_lease(self) -> None:
        if self.is_lease_over():
            raise LeaseOverError("the lease of this machine is over, and its agent does not answer")

    def _has_written(self, told: StreamAtSink) -> None:
        seconds = told.retry.succeeded()
        if seconds is not None:
            self.context.log.warning("it can be written again, after %.1f s", seconds)

    def _slipped(self, told: StreamAtSink, packet: Packet, slip: BaseException) -> Packet:
        """The frame as one that this sink could not write, if that is all that is lost. Raises SinkCrashedError."""
        self.log_failure(packet, slip)
        if told.mark < packet.seq:
            # What it holds back may be lost with it: as in a crash, the frame stays in hand.
            self._notes.take([FrameInHand(self.spec.name, packet.stream, packet.seq)])
            raise SinkCrashedError(f"{self.spec.name} failed on frame {packet.seq} and holds back earlier ones")
        self.stage.resume(packet.stream, packet.seq)
        return packet.fail(type(slip).__name__, self.spec.given)

    def _checked_mark(self, told: StreamAtSink, packet: Packet, mark: object, by: str = "write") -> int:
        # First what nearly all are: asking for the protocol takes longer than writing a line.
        if type(mark) is not int and not isinstance(mark, SupportsIndex):
            raise StageError(
                f"{self.stage.name}.{by} must return its mark, a whole number (packet.seq + 1 if this frame is safe), "
                f"not {'None' if mark is None else type(mark).__name__}"
            )
        number = index(mark)
        if not told.mark <= number <= packet.seq + 1:
            raise StageError(
                f"{self.stage.name}.{by} returned mark {number} after frame {packet.seq}: "
                f"it must be from {told.mark} to {packet.seq + 1}"
            )
        return number

    def _what_is_new(self, stream: str, told: StreamAtSink) -> Settle:
        exceptions: list[Exceptional] = []
        found: dict[str, int] = {}
        events: dict[str, EventTally] = {}
        happened: list[Happening] = []
        while told.written and told.written[0].seq < told.mark:
            packet = told.written.popleft()
            if not packet.alive:
                reason = packet.reason[:SERIES_TEXT_MAX]
                exceptions.append(Exceptional(packet.seq, packet.outcome, reason, packet.stage))
            for detection in packet.detections:
                label = series_of(detection.label, found)
                found[label] = found.get(label, 0) + 1
            for place, event in enumerate(packet.events):
                happened.append(Happening(stream, packet.seq, place, packet.time, packet.taken_ms, event))
                name = series_of(f"{event.kind}{KIND_AND_PLACE}{event.where}", events)
                events.setdefault(name, EventTally()).add(EventTally(1, event.value or 0.0, event.value))
        told.told, told.ended_told = told.mark, told.ended
        gaps: list[tuple[int, int]] = []
        if told.gaps:
            gaps = [gap for gap in told.gaps if gap[1] <= told.mark]
            told.gaps = [gap for gap in told.gaps if gap[1] > told.mark]
        return Settle(
            self.spec.name, self._incarnation, stream, told.mark, exceptions, found, told.ended, events, gaps, happened
        )
