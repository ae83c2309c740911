"""Batches: gathered across streams, each frame answered, none failed for another."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from framewire.pipeline.frame.packet import Detection, Outcome, Packet
from framewire.pipeline.graph import PipelineSpec, StageSpec, make_plan
from framewire.pipeline.graph.spec import BatchSpec
from framewire.pipeline.nodes.batch_node import BatchNode
from framewire.pipeline.nodes.notes import Notes
from framewire.pipeline.stage import Stage, stage
from framewire.pipeline.stage_context import StageContext
from framewire.pipeline.wire.message import Condemned

EDGE = ("s", "n")


@stage("sizes")
class Sizes(Stage[None]):
    """Labels each frame with its batch's size; frame 13 fails the call."""

    def open(self) -> None:
        self.calls: list[list[int]] = []

    def process_batch(self, packets: Sequence[Packet]) -> Sequence[Packet]:
        self.calls.append([packet.seq for packet in packets])
        if any(packet.seq == 13 for packet in packets):
            raise ValueError("thirteen")
        return [packet.plus([Detection(label=str(len(packets)), box=(0, 0, 1, 1))]) for packet in packets]


@stage("short")
class Short(Stage[None]):
    """Forgets one."""

    def process_batch(self, packets: Sequence[Packet]) -> Sequence[Packet]:
        return packets[:-1] if len(packets) > 1 else packets


@stage("picky")
class Picky(Sizes):
    """Has nothing to do on odd frames."""

    def idle(self, packet: Packet) -> bool:
        return packet.seq % 2 == 1


def node_of(cls: type[Stage[Any]], size: int = 3, wait_ms: float = 0) -> BatchNode:
    batch = BatchSpec(size=size, wait_ms=wait_ms)
    spec = StageSpec(name="n", use="x", inputs=("s", "t"), batch=batch)
    sources = (StageSpec(name="s", use="x", kind="source"), StageSpec(name="t", use="x", kind="source"))
    plan = make_plan(PipelineSpec(name="p", stages=(*sources, spec)))
    context = StageContext("n", Path("out"))
    made = cls(None, context)
    made.open()
    return BatchNode(spec, made, context, plan, Notes())


def packet(seq: int, source: str = "s", **fields: Any) -> Packet:
    return Packet(source=source, stream=source, seq=seq, window=32, **fields)


def calls(node: BatchNode) -> list[list[int]]:
    assert isinstance(node.stage, Sizes)
    return node.stage.calls


def test_a_full_batch_is_worked_on_at_once_across_streams() -> None:
    node = node_of(Sizes)
    assert list(node.accept(EDGE, packet(0))) == []
    assert list(node.accept(("t", "n"), packet(0, "t"))) == []
    answers = list(node.accept(EDGE, packet(1)))
    assert [(answer.stream, answer.seq) for answer in answers] == [("s", 0), ("t", 0), ("s", 1)]
    assert [answer.detections[0].id for answer in answers] == ["n.0"] * 3
    assert node.flush_at is None
    assert (node.figures.count, node.figures.calls) == (3, 1)


def test_a_frame_on_which_nothing_is_to_be_done_waits_for_nobody() -> None:
    node = node_of(Picky, wait_ms=1000)
    assert list(node.accept(EDGE, packet(1))) != []
    assert node.flush_at is None
    assert list(node.accept(EDGE, packet(0))) == []
    assert [answer.seq for answer in node.accept(EDGE, packet(3))] == [3]
    assert [answer.seq for answer in node.flush()] == [0]


def test_a_batch_that_is_not_full_is_due_after_its_first_frames_wait() -> None:
    node = node_of(Sizes, wait_ms=1000)
    list(node.accept(EDGE, packet(0)))
    due = node.flush_at
    assert due is not None
    list(node.accept(EDGE, packet(1)))
    assert node.flush_at == due
    assert [answer.seq for answer in node.flush()] == [0, 1]
    assert calls(node) == [[0, 1]]
    assert list(node.flush()) == []


def test_frames_without_work_wait_for_nobody() -> None:
    node = node_of(Sizes)
    list(node.accept(EDGE, packet(0)))
    dropped = packet(1).drop("dull")
    assert list(node.accept(EDGE, dropped)) == [dropped]
    assert list(node.accept(EDGE, packet(2, end=True))) == [packet(2, end=True)]
    node.reset({"s", "t"}, [Condemned("n", "s", 3, "crashed")], [])
    (condemned,) = node.accept(EDGE, packet(3))
    assert condemned.outcome is Outcome.FAILED


def test_who_spoils_a_batch_fails_alone() -> None:
    node = node_of(Sizes)
    answers = [answer for seq in (12, 13, 14) for answer in node.accept(EDGE, packet(seq))]
    assert [(answer.seq, answer.outcome, answer.reason) for answer in answers] == [
        (12, Outcome.OK, ""),
        (13, Outcome.FAILED, "ValueError"),
        (14, Outcome.OK, ""),
    ]
    assert calls(node) == [[12, 13, 14], [12], [13], [14]]


def test_an_answer_too_few_is_the_authors_mistake_and_loses_nothing() -> None:
    node = node_of(Short)
    answers = [answer for seq in range(3) for answer in node.accept(EDGE, packet(seq))]
    assert [(answer.seq, answer.outcome) for answer in answers] == [(seq, Outcome.OK) for seq in range(3)]


def test_suspects_go_alone() -> None:
    node = node_of(Sizes)
    node.reset({"s", "t"}, [], [Condemned("n", "s", 1, "suspected"), Condemned("other", "s", 2, "suspected")])
    for seq in range(4):
        list(node.accept(EDGE, packet(seq)))
    assert calls(node) == [[1], [0, 2, 3]]


def test_a_new_epoch_empties_the_batch_and_old_answers_are_given_again() -> None:
    node = node_of(Sizes)
    first = [answer for seq in range(3) for answer in node.accept(EDGE, packet(seq))]
    list(node.accept(EDGE, packet(3)))
    node.reset({"s", "t"}, [], [])
    assert node.flush_at is None
    again = [answer for seq in range(3) for answer in node.accept(EDGE, packet(seq))]
    assert again == first
    assert calls(node) == [[0, 1, 2]]


def test_an_epoch_of_one_source_leaves_what_was_gathered_of_another() -> None:
    node = node_of(Sizes, wait_ms=1000)
    list(node.accept(EDGE, packet(0)))
    list(node.accept(("t", "n"), packet(7, "t")))
    due = node.flush_at
    node.reset({"s"}, [], [])
    assert node.flush_at == due
    assert [(answer.stream, answer.seq) for answer in node.flush()] == [("t", 7)]


def test_an_ordered_stage_cannot_batch() -> None:
    class Both(Sizes):
        ordered = True

    with pytest.raises(TypeError, match="cannot be ordered and take batches"):
        stage("both")(Both)


def test_a_stage_that_batches_takes_single_frames_too() -> None:
    made = Sizes(None, StageContext("n", Path("out")))
    made.open()
    assert made.process(packet(0)).detections[0].label == "1"
