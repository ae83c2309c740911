"""Law 3 on a single sink: it settles in order, cumulatively, and reports each frame once."""

import errno
import os
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framewire.pipeline.frame.packet import Detection, Packet
from framewire.pipeline.nodes import retry
from framewire.pipeline.nodes.notes import NotesReader
from framewire.pipeline.nodes.sink_node import LeaseOverError, SinkCrashedError, SinkNode
from framewire.pipeline.stage import Sink, StageError, stage
from framewire.pipeline.wire.message import Settle
from framewire.pipeline.wire.stream_state import StreamState
from tests.pipeline.nodes.sinks import sink_in


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
    return sink_in(SinkNode, cls, incarnation)


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


def test_without_a_lease_nothing_is_written() -> None:
    node, sink = sink_of(ByFour, incarnation=1)
    accept(node, packet(0))
    cut = list(sink.cut)
    node.is_lease_over = lambda: True
    with pytest.raises(LeaseOverError):
        accept(node, packet(1))
    with pytest.raises(LeaseOverError):
        node.resume([StreamState("s", "s", 0, False, {"sink": 0})])
    assert (sink.written, sink.cut) == ([0], cut)


@stage("by_four_or_less")
class ByFourOrLess(ByFour):
    """Can make a rest safe."""

    def settle(self, packet: Packet) -> int:
        self.mark = packet.seq + 1
        return self.mark


@given(st.lists(st.integers(1, 6), min_size=1, max_size=5), st.booleans(), st.sampled_from(["s", "t"]))
def test_it_makes_safe_what_a_live_stream_of_these_sources_holds_back(
    pieces: list[int], live: bool, asked: str
) -> None:
    node, sink = sink_of(ByFourOrLess)
    told: list[Settle] = []
    seq = 0
    for piece in pieces:
        for _ in range(piece):
            accept(node, packet(seq, live=live))
            seq += 1
        node.make_safe({asked})
        told += node.settled(at_once=True)
        assert sink.mark == (seq if live and asked == "s" else seq // 4 * 4)
    assert sink.written == list(range(seq))
    assert [settle.mark for settle in told] == sorted({settle.mark for settle in told})


class SettlesBadly(ByFour):
    """Cannot."""

    def settle(self, packet: Packet) -> int:
        raise self.error

    error: BaseException = KeyError("x")


def test_what_goes_wrong_while_it_is_made_safe() -> None:
    node, sink = sink_of(SettlesBadly)
    assert isinstance(sink, SettlesBadly)
    accept(node, packet(0, live=True))
    with pytest.raises(SinkCrashedError, match="failed to settle frame 0 of s"):
        node.make_safe({"s"})
    sink.error = StageError("it is full")
    with pytest.raises(StageError, match="it is full"):
        node.make_safe({"s"})
    sink.error = OSError(errno.ENOSPC, "No space left on device")
    node.make_safe({"s"})
    # A live stream's frames are written again when there is room.
    assert node.retry_at is not None


def test_a_sink_that_can_make_nothing_safe_early_is_left_alone() -> None:
    node, _ = sink_of(ByFour)
    for seq in range(6):
        accept(node, packet(seq, live=True))
    node.make_safe({"s"})
    assert [settle.mark for settle in node.settled(at_once=True)] == [4]
    node, _ = sink_of(ByFourOrLess)
    accept(node, packet(0, live=True))
    node.is_lease_over = lambda: True
    with pytest.raises(LeaseOverError):
        node.make_safe({"s"})


def test_a_sink_may_not_settle_what_it_has_not_seen() -> None:
    node, _ = sink_of(Liar)
    with pytest.raises(StageError, match=r"liar\.write returned mark 5 after frame 0: it must be from 0 to 1"):
        accept(node, packet(0))


@stage("small_disk")
class SmallDisk(ByFour):
    """A disk that is full now and then: what it took of the frame is torn, and frames beyond the mark are void."""

    def open(self) -> None:
        super().open()
        self.is_full = False

    def write(self, packet: Packet) -> int:
        if self.is_full:
            self.written.append(-1)
            raise OSError(errno.ENOSPC, "No space left on device", "film.mp4")
        return super().write(packet)

    def resume(self, stream: str, mark: int) -> None:
        super().resume(stream, mark)
        if self.is_full:
            raise OSError(errno.ENOSPC, "No space left on device", "film.mp4")
        self.written = [seq for seq in self.written if 0 <= seq < mark]


@given(st.lists(st.sampled_from(["frame", "full", "room", "retry"]), max_size=60))
def test_a_live_stream_waits_for_room_and_writes_everything_once(events: list[str]) -> None:
    node, sink = sink_of(SmallDisk)
    assert isinstance(sink, SmallDisk)
    told: list[Settle] = []
    sent = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retry, "PAUSES_S", (0.0,))
        for event in [*events, "room", "retry", "retry"]:
            if event == "frame":
                accept(node, packet(sent, live=True))
                sent += 1
            elif event == "retry":
                node.retry()
            else:
                sink.is_full = event == "full"
            told += node.settled(True)
            settled = told[-1].mark if told else 0
            assert [seq for seq in sink.written if 0 <= seq < settled] == list(range(settled))
    assert node.retry_at is None
    assert sink.written == list(range(sent))
    assert sum(len(settle.exceptions) for settle in told) == 0


def test_a_run_on_files_ends_with_what_is_safe_and_nothing_torn() -> None:
    node, sink = sink_of(SmallDisk)
    assert isinstance(sink, SmallDisk)
    for seq in range(6):
        accept(node, packet(seq))
    sink.is_full = True
    with pytest.raises(StageError, match=r"film\.mp4 cannot be written: No space left on device; frames 0 to 3 of s"):
        accept(node, packet(6))
    assert sink.cut == [("s", 4)]


@stage("slips")
class Slips(SmallDisk):
    """Raises on some frames; with `back` it holds frames back, else it writes at once."""

    back = False

    def write(self, packet: Packet) -> int:
        if packet.seq in (2, 6):
            self.written.append(-1)
            raise SystemExit
        mark = super().write(packet)
        return mark if self.back else packet.seq + 1


@stage("slips_back")
class SlipsBack(Slips):
    back = True


def test_a_slip_in_a_sink_that_holds_nothing_back_costs_one_frame() -> None:
    node, sink = sink_of(Slips)
    for seq in range(8):
        accept(node, packet(seq))
    assert sink.written == [0, 1, 3, 4, 5, 7]
    gone = [one for settle in node.settled(True) for one in settle.exceptions]
    assert [(one.seq, one.reason, one.stage) for one in gone] == [(2, "SystemExit", "sink"), (6, "SystemExit", "sink")]


def test_a_slip_in_a_sink_that_holds_frames_back_is_a_crash_with_the_frame_in_hand() -> None:
    node, _ = sink_of(SlipsBack)
    for seq in range(2):
        accept(node, packet(seq))
    with pytest.raises(SinkCrashedError, match="sink failed on frame 2 and holds back earlier ones"):
        accept(node, packet(2))
    reader = NotesReader(os.getpid(), node._notes.fd)
    assert [frame.seq for frame in reader.in_hand()] == [2]
