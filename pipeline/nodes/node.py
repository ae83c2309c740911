"""Runs a stage: its join, gate and memory, its figures, and law 1: one packet in, one packet out."""

import time
import traceback
from collections.abc import Callable, Container, Iterator, Sequence
from typing import Any

from framewire.pipeline.flow.gate import Gate
from framewire.pipeline.flow.join import Join
from framewire.pipeline.frame.answer import plain_answer
from framewire.pipeline.frame.failed_frame import save
from framewire.pipeline.frame.packet import Packet, number_detections
from framewire.pipeline.frame.ring import PictureLostError
from framewire.pipeline.graph.plan import EdgeId, Plan
from framewire.pipeline.graph.spec import StageSpec
from framewire.pipeline.nodes.memo import Memo
from framewire.pipeline.nodes.notes import FrameInHand, Notes
from framewire.pipeline.nodes.tracer import Tracer
from framewire.pipeline.seen.figures import StageFigures
from framewire.pipeline.stage import Stage, StageError
from framewire.pipeline.stage_context import StageContext
from framewire.pipeline.wire.message import Checkpoint, Condemned, Message
from framewire.pipeline.wire.stream_state import StreamState

CHECKPOINT_SHARE = 4
"""A stateful stage hands out its memory every quarter of a window: the window shrinks by at most that much."""
MEMORY_BYTES_MAX = 2**20
"""Of a stage's memory for one stream: it is sent and kept every few frames."""
TRACEBACKS_MAX = 3
"""Tracebacks of failing frames that one worker logs; the summary counts all."""

SAVED = "framewire_saved"
"""In a log record: the path of the failed frame of which it tells."""


class MustBeReplacedError(Exception):
    """A worker can no longer do its work rightly, and a new one can, from where the ledger is."""


class MemoryVoidError(MustBeReplacedError):
    """The stage's memory has a frame in it that will come again: a new worker must go on from the last whole one."""


class StreamAtStage:
    """What a stage keeps for one stream."""

    def __init__(self, source: str, join: Join | None, hides: bool = False) -> None:
        self.source = source
        self.mark = 0
        self.join = join
        self.gate: Gate | None = None
        self.memo = Memo(hides)


class StageNode:
    """Runs one stage in its worker. `accept` takes a packet from an edge and yields the resulting answers."""

    def __init__(
        self,
        spec: StageSpec,
        stage: Stage[Any],
        context: StageContext,
        plan: Plan,
        notes: Notes,
        incarnation: int = 0,
        tell: Callable[[Message], None] = lambda message: None,
    ) -> None:
        self.spec = spec
        self.stage = stage
        self.context = context
        self.figures = StageFigures(inference=context.inference)
        self.late = 0
        self._plan = plan
        self._notes = notes
        context.long_work = notes.untimed
        self._incarnation = incarnation
        self._tell = tell
        self._first: dict[str, int] = {}
        self._streams: dict[str, StreamAtStage] = {}
        self._condemned: dict[tuple[str, int], str] = {}
        self._tracebacks = 0
        self._in_work: Sequence[Packet] = ()
        self.tracer: Tracer | None = None

    def accept(self, edge: EdgeId, packet: Packet) -> Iterator[Packet]:
        """The answers due now that `packet` has arrived over `edge`; none while a join or a gate waits."""
        at = self._at(packet)
        whole = self._whole(at, edge, packet)
        if whole is None:
            return
        if at.gate is not None:
            yield from self._through_gate(at, at.gate, whole)
            return
        answer = self._answer(at, whole)
        if answer is not None:
            yield answer

    def _whole(self, at: StreamAtStage, edge: EdgeId, packet: Packet) -> Packet | None:
        """The packet merged from all branches; None while some are missing, or if it is settled."""
        at.mark = max(at.mark, packet.mark)
        if packet.seq < at.mark:
            return None
        if at.join is None:
            return packet
        at.join.forget_below(at.mark)
        return at.join.put(edge, packet)

    @property
    def batch_size(self) -> int:
        """Frames processed at once."""
        return self.spec.batch.size if self.spec.batch else 1

    def reset(self, sources: Container[str], condemned: list[Condemned], suspects: list[Condemned]) -> None:
        """A new epoch of these sources: their frames waiting in joins and gates will be sent again."""
        self._condemned = {
            (frame.stream, frame.seq): frame.reason for frame in condemned if frame.stage == self.spec.name
        }
        for at in self._streams.values():
            if at.source not in sources:
                continue
            if at.join is not None:
                at.join.forget_waiting()
            if at.gate is not None:
                at.gate.forget_waiting()

    def resume(self, streams: list[StreamState]) -> None:
        """Replace a dead worker: restore the memory that it had handed out."""
        for state in streams:
            memory = state.memories.get(self.spec.name)
            if memory is not None:
                self._first[state.stream] = state.mark
                self.stage.remember(state.stream, memory)

    def close(self) -> None:
        """Close the stage and its rings."""
        self.stage.close()
        self.context.close()

    def _at(self, packet: Packet) -> StreamAtStage:
        at = self._streams.get(packet.stream)
        if at is None:
            edges = self._plan.join_edges(self.spec.name, packet.source)
            join = Join(edges) if len(edges) > 1 else None
            at = self._streams[packet.stream] = StreamAtStage(packet.source, join, self.spec.hides)
            if self.spec.ordered:
                at.gate = Gate(self._first_seq(packet))
        return at

    def _first_seq(self, packet: Packet) -> int:
        """Where the gate of a stream opens; with a memory, at the memory's frame."""
        return self._first.get(packet.stream, 0 if self.spec.remembers else packet.mark)

    def _through_gate(self, at: StreamAtStage, gate: Gate, packet: Packet) -> Iterator[Packet]:
        if gate.passed(packet.seq):
            again = at.memo.recall(packet, self.context)
            if again is not None:
                yield again
            return
        gate.skip_to(at.mark)
        gate.put(packet)
        while (waiting := gate.peek()) is not None:
            answer = self._answer(at, waiting)
            if answer is None:
                gate.refuse()
                return
            gate.advance()
            if self.spec.remembers:
                self._checkpoint(waiting)
            yield answer

    def _checkpoint(self, packet: Packet) -> None:
        """Hand out the memory every few frames, and at the end of a stream."""
        if packet.end or (packet.seq + 1) % max(1, packet.window // CHECKPOINT_SHARE) == 0:
            self._hand_out(packet.stream, packet.seq + 1)

    def make_safe(self, sources: Container[str]) -> None:
        """Hold back nothing of streams of these sources, which pause: hand out its memory. Raises StageError."""
        for stream, at in self._streams.items():
            if self.spec.remembers and at.source in sources and at.gate is not None:
                self._hand_out(stream, at.gate.next_seq)

    def _hand_out(self, stream: str, seq: int) -> None:
        self._tell(Checkpoint(self.spec.name, self._incarnation, stream, seq, self._memory(stream)))

    def _memory(self, stream: str) -> bytes:
        memory: object = self.stage.memory(stream)
        if not isinstance(memory, bytes):
            raise StageError(f"{self.stage.name}.memory must return bytes, not {type(memory).__name__}")
        if len(memory) > MEMORY_BYTES_MAX:
            raise StageError(
                f"{self.stage.name}.memory returned {len(memory)} bytes for {stream}: more than {MEMORY_BYTES_MAX}"
            )
        return memory

    def _answer(self, at: StreamAtStage, packet: Packet) -> Packet | None:
        """The stage's answer to one packet; None if its picture is lost and it must be sent again."""
        again = at.memo.recall(packet, self.context)
        return again if again is not None else self._new_answer(at, packet)

    def _new_answer(self, at: StreamAtStage, packet: Packet) -> Packet | None:
        answer = self._work(packet) if packet.alive else packet
        return self.keep(at, answer) if answer is not None else None

    def keep(self, at: StreamAtStage, answer: Packet) -> Packet:
        """Remember an answer, in case its frame comes again; returns it as it is sent on.

        Past a stage that hides parts of pictures, no frame goes that it has not been able to process.
        """
        if self.spec.hides and not answer.alive:
            answer = answer.without_pictures()
        at.memo.keep(answer)
        return answer

    def _work(self, packet: Packet) -> Packet | None:
        reason = self.condemned(packet)
        if reason is not None:
            return self.set_aside(packet, reason)
        if self.spec.ordered and not self.can_be_seen(packet):
            # Nothing of a frame that will come again may be in the stage's memory already.
            self.late += 1
            return None
        started = self.start_clock([packet])
        try:
            answer = self._process(packet)
        except PictureLostError:
            self._lost(packet)
            return None
        except BaseException as error:
            # SystemExit, KeyboardInterrupt and GeneratorExit in a stage's code are slips like any other.
            self.context.abandon_pictures()
            answer = packet.fail(type(error).__name__, self.spec.given)
            self.log_failure(packet, error)
        finally:
            self.stop_clock(started)
        if not self._still_there(packet):
            self._lost(packet)
            return None
        self.context.finish_pictures()
        return answer

    def _lost(self, packet: Packet) -> None:
        """A picture was lost during the work: the frame will come again. Raises MemoryVoidError."""
        self.late += 1
        self.context.abandon_pictures()
        if self.spec.remembers:
            raise MemoryVoidError(f"a picture of frame {packet.seq} of {packet.stream} was lost during the work on it")

    def can_be_seen(self, packet: Packet) -> bool:
        """Whether all pictures of the packet are there, if the stage reads any."""
        return not self.stage.looks or all(map(self.context.reader.has, packet.pictures.values()))

    def _process(self, packet: Packet) -> Packet:
        return self._checked(packet, self.stage.process(packet))

    def _still_there(self, packet: Packet) -> bool:
        """Whether no picture of the packet was overwritten during the work, if the stage reads any."""
        return not self.stage.looks or all(self.context.reader.still_there(ref) for ref in packet.pictures.values())

    def start_clock(self, packets: Sequence[Packet]) -> tuple[float, float]:
        """Note the frames in hand; returns wall and CPU seconds for `stop_clock`."""
        now = time.monotonic()
        self._notes.take([FrameInHand(self.spec.name, packet.stream, packet.seq) for packet in packets], now)
        self._in_work = packets
        for packet in packets:
            if packet.sent:
                self.figures.wait.add(now - packet.sent)
        return now, time.thread_time()

    def stop_clock(self, started: tuple[float, float], frames: int = 1) -> None:
        """The frames are done: count them, each with its share of the time."""
        self._notes.put_down()
        wall, cpu = started
        if self.tracer is not None:
            self.tracer.worked(self.spec.name, self._in_work, wall)
        seconds = time.monotonic() - wall
        self.figures.cpu_seconds += time.thread_time() - cpu
        if not frames:
            return
        self.figures.count += frames
        self.figures.called(frames, seconds)
        for _ in range(frames):
            self.figures.work.add(seconds / frames)

    def _checked(self, packet: Packet, answer: object) -> Packet:
        plain = plain_answer(packet, answer)
        if not plain.alive and not plain.stage:
            plain = plain.by(self.spec.given)
        return number_detections(plain, self.spec.given)

    def condemned(self, packet: Packet) -> str | None:
        """Why this stage must not touch the frame; None if it may."""
        return self._condemned.get((packet.stream, packet.seq))

    def set_aside(self, packet: Packet, reason: str) -> Packet:
        """Save a condemned frame for `replay`; returns it as failed."""
        try:
            path = save(
                self.context.out,
                self.spec.name,
                self.spec.use,
                self.spec.options,
                self.context.folder,
                packet.without_pictures() if self._plan.hides else packet,
                self.context.reader,
            )
            saved = {SAVED: str(path)}
            self.context.log.warning("frame %d of %s saved to %s", packet.seq, packet.stream, path, extra=saved)
        except (OSError, PictureLostError) as error:
            self.context.log.error("frame %d of %s not saved: %s", packet.seq, packet.stream, error)
        return packet.fail(reason, self.spec.given)

    def log_failure(self, packet: Packet, error: BaseException) -> None:
        """Log the traceback; only those of the first few frames."""
        self._tracebacks += 1
        if self._tracebacks > TRACEBACKS_MAX:
            return
        where = "".join(traceback.format_exception(error)).rstrip()
        self.context.log.error(
            "frame %d of %s failed: %s: %s\n%s", packet.seq, packet.stream, type(error).__name__, error, where
        )
