"""Law 3 on a single sink: it settles in order, cumulatively, and reports each frame once."""

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framewire.pipeline.frame.packet import Detection, Packet
from framewire.pipeline.graph import PipelineSpec, StageSpec, make_plan
from framewire.pipeline.nodes.notes import Notes
from framewire.pipeline.nodes.sink_node import SinkNode
from framewire.pipeline.stage import Sink, stage
from framewire.pipeline.stage_context import StageContext
from framewire.pipeline.wire.message import Settle, StreamState


@stage("by_four")
class ByFour(Sink[None]):
    """Writes four frames at a time."""

    def open(self) -> None:
        self.written: list[int] = []
        self.ended = False
        self.cut: list[tuple[str, int]] = []
        self.mark = 0

    def write(self, packet: Packet) -> int:
        self.written.append(packet.seq)
        if packet.seq % 4 == 3:
            self.mark = packet.seq + 1
        return self.mark

    def end(self, packet: Packet) -> None:
        self.ended = True

    def resume(self, stream: str, mark: int) -> None:
        self.cut.append((stream, mark))
        self.mark = mark


@stage("liar")
class Liar(ByFour):
    """Claims that frames it never saw are safe."""

    def write(self, packet: Packet) -> int:
        return packet.seq + 5


def sink_of(cls: type[ByFour], incarnation: int = 0) -> tuple[SinkNode, ByFour]:
    spec = StageSpec(name="sink", use="x", inputs=("s",), kind="sink", ordered=True)
    source = StageSpec(name="s", use="x", kind="source")
    context = StageContext("sink", Path("out"))
    made = cls(None, context)
    made.open()
    plan = make_plan(PipelineSpec(name="p", stages=(source, spec)))
    return SinkNode(spec, made, context, plan, Notes(), incarnation), made


def packet(seq: int, **fields: object) -> Packet:
    return Packet(source="s", stream="s", seq=seq, window=16, **fields)  # type: ignore[arg-type]


def accept(node: SinkNode, sent: Packet) -> None:
    assert list(node.accept(("s", "sink"), sent)) == []


@given(st.randoms(use_true_random=False), st.booleans())
def test_every_frame_is_written_once_and_told_once(rng: random.Random, at_once: bool) -> None:
    node, sink = sink_of(ByFour)
    seqs = [*range(13), *rng.choices(range(13), k=10)]
    rng.shuffle(seqs)
    told: list[Settle] = []
    for seq in seqs:
        found = (Detection(label="face", box=(0, 0, 1, 1), id="a"),) if seq % 2 else ()
        accept(node, packet(seq, detections=found))
        told += node.settled(at_once)
    assert sink.written == list(range(13))
    assert not sink.ended
    accept(node, packet(13, end=True))
    told += node.settled(False)
    assert sink.ended
    marks = [settle.mark for settle in told]
    assert marks == sorted(marks)
    assert (told[-1].mark, told[-1].ended) == (14, True)
    assert sum(settle.found.get("face", 0) for settle in told) == 6
    assert all(settle.mark % 4 == 0 for settle in told[:-1])


def test_exceptions_are_told_with_the_mark_that_covers_them() -> None:
    node, _ = sink_of(ByFour)
    for seq in range(3):
        accept(node, packet(seq) if seq != 1 else packet(seq).drop("dull").by("filter"))
    assert list(node.settled(True)) == []
    accept(node, packet(3))
    (settle,) = node.settled(True)
    assert [(gone.seq, gone.reason, gone.stage) for gone in settle.exceptions] == [(1, "dull", "filter")]


def test_a_busy_sink_tells_now_and_then() -> None:
    node, _ = sink_of(ByFour)
    for seq in range(4):
        accept(node, packet(seq))
    assert [settle.mark for settle in node.settled(False)] == [4]
    assert list(node.settled(True)) == []


def test_it_follows_a_dead_one_from_the_mark_of_the_ledger() -> None:
    node, sink = sink_of(ByFour, incarnation=1)
    node.resume(
        [
            StreamState("s", "s", 4, False, {"sink": 8}),
            StreamState("s", "over", 9, True, {"sink": 9}),
            StreamState("t", "other", 0, False, {"elsewhere": 0}),
        ]
    )
    assert sink.cut == [("s", 8)]
    for seq in range(4, 12):
        accept(node, packet(seq, mark=4))
    assert sink.written == [8, 9, 10, 11]
    (settle,) = node.settled(True)
    assert (settle.mark, settle.incarnation) == (12, 1)


def test_a_sink_may_not_settle_what_it_has_not_seen() -> None:
    node, _ = sink_of(Liar)
    with pytest.raises(RuntimeError, match="returned mark 5 after frame 0"):
        accept(node, packet(0))
