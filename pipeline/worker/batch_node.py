"""A stage that takes several frames at once: gathering them, of whatever streams, and answering each."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from msgspec import Struct

from pipeline.graph.plan import Plan
from pipeline.graph.spec import BatchSpec, StageSpec
from pipeline.message import Condemned, Message
from pipeline.packet import Packet
from pipeline.ring import PictureLostError
from pipeline.stage import Stage, StageContext
from pipeline.worker.node import StageNode, StreamAtStage
from pipeline.worker.notes import FrameInHand, Notes


class _Gathered(Struct):
    at: StreamAtStage
    packet: Packet


class BatchNode(StageNode):
    """Runs one stage that batches. `accept` answers when a batch is full, `flush` when it has waited long enough."""

    def __init__(
        self,
        spec: StageSpec,
        stage: Stage[Any],
        context: StageContext,
        plan: Plan,
        notes: Notes,
        batch: BatchSpec,
        tell: Callable[[Message], None] = lambda message: None,
    ) -> None:
        super().__init__(spec, stage, context, plan, notes, tell=tell)
        self.flush_at: float | None = None
        self._batch = batch
        self._gathered: list[_Gathered] = []
        self._suspects: set[tuple[str, int]] = set()

    def accept(self, edge: int, packet: Packet) -> Iterator[Packet]:
        """The answers that are due now that `packet` has come over `edge`."""
        at = self._at(packet)
        whole = self._whole(at, edge, packet)
        if whole is None:
            return
        if not whole.alive or self.condemned(whole) or at.memo.recall(whole, self.context):
            # Nothing to be worked on: it waits for nobody.
            answer = self._answer(at, whole)
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

    def flush(self) -> Iterator[Packet]:
        """Work on what has been gathered, and give the answers."""
        gathered, self._gathered, self.flush_at = self._gathered, [], None
        if gathered:
            yield from self._together(gathered)

    def reset(self, condemned: list[Condemned], suspects: list[Condemned]) -> None:
        """A new epoch: what was gathered comes again; who is suspected goes alone."""
        super().reset(condemned, suspects)
        self._gathered, self.flush_at = [], None
        self._suspects = {(frame.stream, frame.seq) for frame in suspects if frame.stage == self.spec.name}

    def _together(self, gathered: Sequence[_Gathered]) -> Iterator[Packet]:
        answers = self._call([one.packet for one in gathered])
        if answers is None:
            # One of them spoils it for all, or its picture is lost: each alone.
            answers = [self._work(one.packet) for one in gathered]
        for one, answer in zip(gathered, answers, strict=True):
            if answer is not None:
                one.at.memo.keep(answer)
                yield answer

    def _call(self, packets: list[Packet]) -> list[Packet | None] | None:
        """The stage's answers, None for a frame whose picture was lost meanwhile; None where it has none at all."""
        self._notes.take([FrameInHand(self.spec.name, packet.stream, packet.seq) for packet in packets])
        wall, cpu = time.monotonic(), time.thread_time()
        try:
            given = self.stage.process_batch(packets)
            if len(given) != len(packets):
                raise ValueError(f"process_batch gave {len(given)} answers to {len(packets)} packets")
            answers = [self._checked(packet, answer) for packet, answer in zip(packets, given, strict=True)]
        except PictureLostError:
            self.context.abandon_pictures()
            return None
        except Exception as error:
            self.context.abandon_pictures()
            if len(packets) > 1:
                return None
            self._log_failure(packets[0], error)
            answers = [packets[0].fail(type(error).__name__, self.spec.name)]
        finally:
            self._notes.put_down()
        self._count(len(packets), time.monotonic() - wall, time.thread_time() - cpu)
        self.context.finish_pictures()
        there = [self._still_there(packet) for packet in packets]
        self.late += there.count(False)
        return [answer if here else None for answer, here in zip(answers, there, strict=True)]

    def _still_there(self, packet: Packet) -> bool:
        return all(self.context.reader.still_there(ref) for ref in packet.pictures.values())

    def _count(self, frames: int, wall_s: float, cpu_s: float) -> None:
        self.figures.count += frames
        self.figures.calls += 1
        self.figures.cpu_seconds += cpu_s
        for _ in range(frames):
            # What one frame costs; how long it took in all is the latency's affair.
            self.figures.work.add(wall_s / frames)
