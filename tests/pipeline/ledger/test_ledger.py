import random
from itertools import pairwise

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from framewire.pipeline.frame.packet import Outcome
from framewire.pipeline.ledger.ledger import KeptStream, Ledger, StreamAccount
from framewire.pipeline.wire.message import Checkpoint, Exceptional, Settle, StreamOpened

SINKS = ("video", "list")


def settle(sink: str, mark: int, exceptions: list[Exceptional] | None = None, ended: bool = False) -> Settle:
    return Settle(sink, 0, "s", mark, exceptions or [], {}, ended)


@given(st.integers(0, 40), st.sets(st.integers(0, 39)), st.randoms(use_true_random=False))
def test_admitted_is_written_dropped_and_failed_at_every_step(frames: int, odd: set[int], rng: random.Random) -> None:
    account = StreamAccount("s", "s", SINKS)
    marks = dict.fromkeys(SINKS, 0)
    while min(marks.values()) < frames:
        sink = rng.choice([name for name, mark in marks.items() if mark < frames])
        before, marks[sink] = marks[sink], rng.randint(marks[sink] + 1, frames)
        new = [
            Exceptional(seq, Outcome.DROPPED if seq % 2 else Outcome.FAILED, "r", "st")
            for seq in range(before, marks[sink])
            if seq in odd
        ]
        account.settle(settle(sink, marks[sink], new))
        assert account.mark == min(marks.values())
        gone = {seq for seq in odd if seq < account.mark}
        assert account.written == account.mark - len(gone)
        assert account.dropped.total() == len({seq for seq in gone if seq % 2})
    for sink in SINKS:
        account.settle(settle(sink, frames + 1, ended=True))
    assert account.ended
    assert account.settled == frames


def test_an_old_word_changes_nothing() -> None:
    account = StreamAccount("s", "s", ("one",))
    assert account.settle(settle("one", 5))
    assert not account.settle(settle("one", 3))
    assert account.mark == 5


def test_the_worst_that_any_sink_saw_counts_once() -> None:
    account = StreamAccount("s", "s", SINKS)
    account.settle(settle("video", 1, [Exceptional(0, Outcome.DROPPED, "dull", "a")]))
    account.settle(settle("list", 1, [Exceptional(0, Outcome.FAILED, "Error", "b")]))
    assert (dict(account.dropped), dict(account.failed)) == ({}, {"b:Error": 1})


def test_the_ledger_is_complete_when_every_source_has_ended_everywhere() -> None:
    ledger = Ledger({"s": SINKS, "t": ("list",)})
    ledger.opened(StreamOpened("s", "s", "", 1, 1, 8, None))
    for sink in SINKS:
        ledger.settle(settle(sink, 1, ended=True))
    assert not ledger.complete
    ledger.opened(StreamOpened("t", "t", "", 1, 1, 8, None))
    ledger.settle(Settle("list", 0, "t", 1, [], {}, True))
    assert ledger.complete


def test_a_source_that_opens_again_keeps_its_account() -> None:
    ledger = Ledger({"s": ("list",)})
    ledger.opened(StreamOpened("s", "s", "", 1, 1, 8, None))
    ledger.settle(settle("list", 7))
    ledger.opened(StreamOpened("s", "s", "", 1, 1, 8, None))
    (state,) = ledger.begin_epoch(())
    assert (state.mark, state.sink_marks, state.ended) == (7, {"list": 7}, False)


def test_a_stream_at_rest_has_nothing_in_flight_until_its_source_goes_on() -> None:
    ledger = Ledger({"s": ("list",), "t": ("list",)})
    for name in ("s", "t"):
        ledger.opened(StreamOpened(name, name, "", 1, 1, 8, None))
        ledger.streams[name].rest()
    assert [state.was_cut for state in ledger.begin_epoch({"s"})] == [False, False]
    assert [state.was_cut for state in ledger.begin_epoch({"t"})] == [True, False]


def test_a_mark_stands_only_where_every_memory_is_known() -> None:
    account = StreamAccount("s", "s", ("list",), ("track", "count"))
    assert not account.settle(settle("list", 10))
    assert not account.checkpoint(Checkpoint("track", 0, "s", 4, b"t4"))
    assert not account.checkpoint(Checkpoint("track", 0, "s", 8, b"t8"))
    assert account.checkpoint(Checkpoint("count", 0, "s", 4, b"c4"))
    assert account.mark == 4
    assert account.state().memories == {"track": b"t4", "count": b"c4"}
    assert not account.checkpoint(Checkpoint("count", 0, "s", 12, b"c12"))
    assert account.checkpoint(Checkpoint("count", 0, "s", 8, b"c8"))
    assert account.mark == 8


def test_what_a_dead_stage_knew_beyond_the_mark_is_void() -> None:
    account = StreamAccount("s", "s", ("list",), ("track",))
    account.settle(settle("list", 5))
    account.checkpoint(Checkpoint("track", 0, "s", 4, b"t4"))
    account.checkpoint(Checkpoint("track", 0, "s", 8, b"t8"))
    account.stage_died("track")
    account.stage_died("somebody else")
    account.settle(settle("list", 9))
    assert account.mark == 4
    assert account.state().memories == {"track": b"t4"}


def test_a_stream_has_not_ended_while_a_memory_is_awaited() -> None:
    account = StreamAccount("s", "s", ("list",), ("track",))
    account.settle(settle("list", 4, ended=True))
    assert not account.ended
    account.checkpoint(Checkpoint("track", 0, "s", 4, b""))
    assert account.ended
    assert account.settled == 3


def reports(sink: str, taken: list[bool], cuts: list[int]) -> list[Settle]:
    """What a sink that may skip reports of frames that it took or not, with a report at each of the `cuts`."""
    told = []
    for start, end in pairwise([0, *sorted(set(cuts)), len(taken)]):
        gaps = [(seq, seq + 1) for seq in range(start, end) if not taken[seq]]
        told.append(Settle(sink, 0, "s", end, [], {}, False, gaps=gaps))
    return [*told, Settle(sink, 0, "s", len(taken) + 1, [], {}, True)]


@given(st.data())
def test_sinks_that_may_skip_hold_nobody_and_every_frame_counts_once(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 12))
    names = data.draw(st.sampled_from([("a",), ("a", "b"), ("a", "b", "c")]))
    waits = data.draw(st.booleans())
    sinks = ("w", *names) if waits else names
    taken = {name: data.draw(st.lists(st.booleans(), min_size=count, max_size=count)) for name in names}
    if waits:
        taken["w"] = [True] * count
    cuts = st.lists(st.integers(1, max(1, count - 1)), max_size=4)
    due = {name: reports(name, taken[name], [cut for cut in data.draw(cuts) if cut < count]) for name in sinks}
    account = StreamAccount("s", "s", sinks, skipping=names)
    before = (0, 0)
    marks = dict.fromkeys(sinks, 0)
    while any(due.values()):
        sink = data.draw(st.sampled_from([name for name in sinks if due[name]]))
        told = due[sink].pop(0)
        account.settle(told)
        account = StreamAccount.restored(
            msgspec.msgpack.decode(msgspec.msgpack.encode(account.kept()), type=KeptStream)
        )
        marks[sink] = told.mark
        assert account.mark == (marks["w"] if waits else max(marks.values()))
        now = (account.written, account.dropped.total())
        assert before[0] <= now[0]
        assert before[1] <= now[1]
        assert sum(now) == account.settled <= count
        before = now
    assert account.ended
    assert account.settled == count
    by_any = sum(any(taken[name][seq] for name in sinks) for seq in range(count))
    assert account.written == by_any
    assert account.dropped.total() == count - by_any
    assert account.skipped == {name: taken[name].count(False) for name in names}
