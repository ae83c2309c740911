"""Law 1 on a single node: one packet in, one packet out, whatever the stage does."""

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framewire.pipeline.frame.failed_frame import load
from framewire.pipeline.frame.packet import Detection, Outcome, Packet, PictureRef
from framewire.pipeline.graph import PipelineSpec, StageSpec, make_plan
from framewire.pipeline.graph.plan import EdgeId
from framewire.pipeline.nodes.node import MemoryVoidError, StageNode
from framewire.pipeline.nodes.notes import Notes, NotesReader
from framewire.pipeline.stage import Stage, stage
from framewire.pipeline.stage_context import StageContext
from framewire.pipeline.testing import StageRunner, replay
from framewire.pipeline.wire.message import Checkpoint, Condemned, Message


@stage("double")
class Double(Stage[None]):
    """Finds one thing in each frame."""

    def process(self, packet: Packet) -> Packet:
        return packet.plus([Detection(label="thing", box=(0, 0, 1, 1))])


@stage("counter")
class Counter(Stage[None]):
    """Ordered: counts the frames it has seen."""

    ordered = True

    def open(self) -> None:
        self.seen: list[int] = []

    def process(self, packet: Packet) -> Packet:
        self.seen.append(packet.seq)
        return packet.plus([Detection(label=str(len(self.seen)), box=(0, 0, 1, 1))])


@stage("picky")
class Picky(Stage[None]):
    """Does what its `answer` does."""

    answer: Callable[[Packet], Any]

    def process(self, packet: Packet) -> Packet:
        return self.answer(packet)


@stage("drawer")
class Drawer(Stage[None]):
    """Draws, and counts how often."""

    drawn = 0

    def process(self, packet: Packet) -> Packet:
        packet, pixels = self.canvas(packet)
        type(self).drawn += 1
        pixels += 1
        return packet


def node_of(
    cls: type[Stage[Any]],
    out: Path = Path("out"),
    inputs: tuple[str, ...] = ("s",),
    tell: Callable[[Message], None] = lambda message: None,
) -> StageNode:
    branches = tuple(StageSpec(name=name, use="x", inputs=("s",)) for name in inputs if name != "s")
    spec = StageSpec(
        name="n", use=f"{__name__}:{cls.__name__}", inputs=inputs, ordered=cls.ordered, remembers=cls.remembers()
    )
    source = StageSpec(name="s", use="x", kind="source")
    plan = make_plan(PipelineSpec(name="p", stages=(source, *branches, spec)))
    context = StageContext("n", out)
    made = cls(None, context)
    made.open()
    return StageNode(spec, made, context, plan, Notes(), tell=tell)


def packet(seq: int, **fields: Any) -> Packet:
    return Packet(source="s", stream="s", seq=seq, window=8, **fields)


def answers(node: StageNode, sent: Packet, edge: EdgeId = ("s", "n")) -> list[Packet]:
    return list(node.accept(edge, sent))


def test_one_in_one_out_with_numbered_detections() -> None:
    (answer,) = answers(node_of(Double), packet(0))
    assert [found.id for found in answer.detections] == ["n.0"]


def test_dropped_failed_and_end_pass_by_untouched() -> None:
    node = node_of(Double)
    for sent in (packet(0).drop("dull"), packet(1).fail("Error", "x"), packet(2, end=True)):
        assert answers(node, sent) == [sent]
    assert node.figures.count == 0


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda packet: 1 / 0, "ZeroDivisionError"),
        (lambda packet: None, "InvalidAnswerError"),
        (lambda packet: msgspec.structs.replace(packet, seq=99), "InvalidAnswerError"),
    ],
)
def test_what_goes_wrong_is_a_failed_frame(answer: Callable[[Packet], Any], reason: str) -> None:
    node = node_of(Picky)
    assert isinstance(node.stage, Picky)
    node.stage.answer = answer
    (failed,) = answers(node, packet(0))
    assert (failed.outcome, failed.reason, failed.stage, failed.seq) == (Outcome.FAILED, reason, "n", 0)


def test_a_drop_names_its_stage() -> None:
    node = node_of(Picky)
    assert isinstance(node.stage, Picky)
    node.stage.answer = lambda packet: packet.drop("dull")
    (dropped,) = answers(node, packet(0))
    assert (dropped.outcome, dropped.reason, dropped.stage) == (Outcome.DROPPED, "dull", "n")


@given(st.randoms(use_true_random=False))
def test_an_ordered_stage_sees_each_frame_once_in_order_and_gives_doubles_the_same_answer(
    rng: random.Random,
) -> None:
    node = node_of(Counter)
    frames = 8
    sent = [*range(frames), *rng.choices(range(frames), k=8)]
    rng.shuffle(sent)
    got: dict[int, set[str]] = {}
    for seq in sent:
        for answer in answers(node, packet(seq)):
            got.setdefault(answer.seq, set()).add(answer.detections[0].label)
    assert isinstance(node.stage, Counter)
    assert node.stage.seen == list(range(frames))
    assert got == {seq: {str(seq + 1)} for seq in range(frames)}


def test_settled_frames_are_let_go() -> None:
    node = node_of(Double)
    assert answers(node, packet(5, mark=4))
    assert answers(node, packet(3, mark=2)) == []


def test_a_condemned_frame_is_kept_and_failed_without_being_touched(tmp_path: Path) -> None:
    node = node_of(Picky, tmp_path)
    with StageRunner(Picky) as runner:
        sent = runner.packet(np.full((6, 8, 3), 7, np.uint8), stream="s")
        sent = msgspec.structs.replace(sent, source="s")
        node.reset({"s"}, [Condemned("n", "s", 0, "crashed"), Condemned("other", "s", 1, "crashed")], [])
        (failed,) = answers(node, sent)
        assert (failed.outcome, failed.reason, failed.stage) == (Outcome.FAILED, "crashed", "n")
        frame = load(tmp_path / "failed" / "n-s-000000.frame")
        assert (frame.pictures["frame"].array() == 7).all()
        assert (frame.stage, frame.packet.seq) == ("n", 0)


@stage("unseeing")
class Unseeing(Double):
    """Finds one thing without looking."""

    looks = False


def test_a_condemned_frame_whose_picture_is_on_another_machine_is_kept_without_it(tmp_path: Path) -> None:
    node = node_of(Unseeing, tmp_path)
    away = packet(0).with_picture(PictureRef(1, os.getpid(), 1, 0, 0, 0, 6, 8, 3, machine="n1"))
    node.reset({"s"}, [Condemned("n", "s", 0, "crashed")], [])
    (failed,) = answers(node, away)
    assert (failed.outcome, failed.reason) == (Outcome.FAILED, "crashed")
    frame = load(tmp_path / "failed" / "n-s-000000.frame")
    assert (frame.pictures, frame.packet.seq) == ({}, 0)
    assert len(replay(frame).detections) == 1


def test_a_lost_picture_is_no_answer_and_may_come_again() -> None:
    node = node_of(Drawer)
    with StageRunner(Drawer) as maker:
        sent = msgspec.structs.replace(maker.packet(np.zeros((6, 8, 3), np.uint8), stream="s"), source="s")
        lost = msgspec.structs.replace(sent.pictures["frame"], ring=1)
        assert answers(node, sent.with_picture(lost)) == []
        assert node.late == 1
        (answer,) = answers(node, sent)
        assert answer.pictures["frame"].generation == 1


@stage("counts")
class Counts(Counter):
    """Remembers how many."""

    def memory(self, stream: str) -> bytes:
        return str(len(self.seen)).encode()

    def remember(self, stream: str, memory: bytes) -> None:
        self.seen = [-1] * int(memory)


@stage("looker")
class Looker(Counts):
    """Counts a frame before it looks at it."""

    def process(self, packet: Packet) -> Packet:
        answer = super().process(packet)
        self.picture(packet)
        return answer


def test_a_frame_whose_picture_is_lost_is_not_in_the_memory_yet() -> None:
    node = node_of(Looker)
    with StageRunner(Drawer) as maker:
        sent = msgspec.structs.replace(maker.packet(np.zeros((6, 8, 3), np.uint8), stream="s"), source="s")
        lost = sent.with_picture(msgspec.structs.replace(sent.pictures["frame"], ring=1))
        assert answers(node, lost) == []
        assert node.late == 1
        node.reset({"s"}, [], [])
        (answer,) = answers(node, sent)
    assert [one.label for one in answer.detections] == ["1"]


@pytest.mark.parametrize(("asked", "handed_out"), [("s", [(2, b"2"), (3, b"3")]), ("t", [(2, b"2")])])
def test_a_memory_is_handed_out_early_when_its_source_pauses(asked: str, handed_out: list[tuple[int, bytes]]) -> None:
    told: list[Message] = []
    node = node_of(Counts, tell=told.append)
    for seq in range(3):
        answers(node, packet(seq))
    node.make_safe({asked})
    assert [(one.seq, one.memory) for one in told if isinstance(one, Checkpoint)] == handed_out


def test_a_picture_lost_during_the_work_voids_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    node = node_of(Looker)
    with StageRunner(Drawer) as maker:
        sent = msgspec.structs.replace(maker.packet(np.zeros((6, 8, 3), np.uint8), stream="s"), source="s")
        monkeypatch.setattr(type(node.context.reader), "still_there", lambda reader, ref: False)
        with pytest.raises(MemoryVoidError, match="a picture of frame 0 of s was lost"):
            answers(node, sent)


def test_a_drawer_does_not_draw_a_frame_twice() -> None:
    node = node_of(Drawer)
    with StageRunner(Drawer) as maker:
        sent = msgspec.structs.replace(maker.packet(np.zeros((6, 8, 3), np.uint8), stream="s"), source="s")
        Drawer.drawn = 0
        (first,) = answers(node, sent)
        (second,) = answers(node, sent)
        assert Drawer.drawn == 1
        assert first.pictures == second.pictures
        assert (node.context.reader.view(second.pictures["frame"]) == 1).all()


def test_a_join_waits_for_all_its_inputs() -> None:
    node = node_of(Double, inputs=("a", "b"))
    edges = node._plan.join_edges("n", "s")
    assert answers(node, packet(0), edges[0]) == []
    (answer,) = answers(node, packet(0), edges[1])
    assert len(answer.detections) == 1
    assert answers(node, packet(1), edges[1]) == []
    node.reset({"s"}, [], [])
    assert answers(node, packet(1), edges[0]) == []


def test_an_epoch_of_another_source_leaves_what_waits_in_joins() -> None:
    node = node_of(Double, inputs=("a", "b"))
    edges = node._plan.join_edges("n", "s")
    assert answers(node, packet(0), edges[0]) == []
    node.reset({"another"}, [], [])
    assert len(answers(node, packet(0), edges[1])) == 1


def test_a_stage_that_does_not_look_gets_no_picture_and_misses_none() -> None:
    class Blind(Double):
        looks = False

    class Peeping(Drawer):
        looks = False

    with StageRunner(Drawer) as maker:
        sent = msgspec.structs.replace(maker.packet(np.zeros((6, 8, 3), np.uint8), stream="s"), source="s")
        lost = sent.with_picture(msgspec.structs.replace(sent.pictures["frame"], ring=1))
        node = node_of(Blind)
        assert [len(answer.detections) for answer in answers(node, lost)] == [1]
        assert node.late == 0
        (failed,) = answers(node_of(Peeping), sent)
        assert (failed.outcome, failed.reason) == (Outcome.FAILED, "TypeError")


def test_notes_tell_who_was_in_hand() -> None:

    node = node_of(Picky)
    reader = NotesReader(os.getpid(), node._notes.fd)
    seen: list[list[tuple[str, str, int]]] = []
    assert isinstance(node.stage, Picky)

    def look(packet: Packet) -> Packet:
        seen.append([(held.stage, held.stream, held.seq) for held in reader.in_hand()])
        return packet

    node.stage.answer = look
    answers(node, packet(3))
    assert seen == [[("n", "s", 3)]]
    assert reader.in_hand() == []
