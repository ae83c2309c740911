"""What is told to a source stands in the journal; what is read back is what was kept."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framewire.pipeline.frame.packet import Outcome
from framewire.pipeline.graph import PipelineSpec, StageSpec
from framewire.pipeline.ledger import journal as journal_module
from framewire.pipeline.ledger.bookkeeping import Bookkeeping, OtherRunError
from framewire.pipeline.ledger.identity import RunIdentity
from framewire.pipeline.ledger.journal import JournalError, Progress, Record
from framewire.pipeline.seen.figures import SourceFigures
from framewire.pipeline.unfinished import FOLDER
from framewire.pipeline.wire.message import Checkpoint, Exceptional, Settle, StreamOpened

SPEC = PipelineSpec(
    name="p",
    stages=(
        StageSpec(name="s", use="x", kind="source"),
        StageSpec(name="track", use="x", inputs=("s",), kind="stage", ordered=True, remembers=True),
        StageSpec(name="video", use="x", inputs=("track",), kind="sink", ordered=True),
        StageSpec(name="list", use="x", inputs=("track",), kind="sink", ordered=True),
    ),
)
IDENTITY = RunIdentity("1", "p", "", {})


def folder_in(place: str | Path) -> Path:
    out = Path(place)
    (out / FOLDER).mkdir()
    return out


def begun(out: Path) -> Bookkeeping:
    books = Bookkeeping(SPEC, out, IDENTITY)
    books.open()
    books.take(StreamOpened("s", "s", "a film", 48, 64, 8, None))
    return books


def resumed(out: Path, identity: RunIdentity = IDENTITY) -> Bookkeeping:
    books = Bookkeeping.resumed(SPEC, out, identity)
    assert books is not None
    return books


def settle(sink: str, mark: int, ended: bool = False) -> Settle:
    gone = [Exceptional(mark - 1, Outcome.FAILED, "Error", "track")] if mark % 3 == 0 else []
    return Settle(sink, 0, "s", mark, gone, {"face": 1}, ended)


@st.composite
def histories(draw: st.DrawFn) -> list[Record]:
    """What sinks and a stage with a memory may report, in any order, and the stage's deaths."""
    marks = {"video": 0, "list": 0, "track": 0}
    said: list[Record] = []
    for name in draw(st.lists(st.sampled_from(["video", "list", "track", "death", "seen"]), max_size=40)):
        if name == "death":
            said.append(journal_module.Died("track"))
        elif name == "seen":
            said.append(Progress("s#0", {"s": SourceFigures("s", admitted=marks["track"])}, 1.0 * len(said)))
        else:
            marks[name] += draw(st.integers(1, 3))
            mark = marks[name]
            said.append(Checkpoint("track", 0, "s", mark, bytes([mark])) if name == "track" else settle(name, mark))
    return said


@settings(deadline=None)
@given(histories(), st.sampled_from([0, 300, 2**20]))
def test_no_source_is_told_a_mark_that_the_journal_does_not_hold(history: list[Record], compact: int) -> None:
    """Killed at any moment after a mark was told, the run goes on at or behind it; also while it is written anew."""
    with tempfile.TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal_module, "COMPACT_BYTES", compact)
        patch.setattr(journal_module, "COMPACT_GROWTH", 1)
        out = folder_in(place)
        books = begun(out)
        told = 0
        for record in history:
            books.take(record)
            for account in books.moved():
                told = account.mark
                state = resumed(out).ledger.streams["s"].kept()
                now = account.kept()
                assert state.mark == now.mark == told
                assert (state.sinks, state.exceptional, state.failed) == (now.sinks, now.exceptional, now.failed)
                assert state.memories["track"] == {
                    seq: memory for seq, memory in now.memories["track"].items() if seq <= told
                }
        books.close(has_ended=False)
        after = resumed(out)
        assert after.ledger.streams["s"].mark == books.ledger.streams["s"].mark
        assert after.seen == books.seen


@pytest.fixture
def out(tmp_path: Path) -> Iterator[Path]:
    yield folder_in(tmp_path)


def test_another_run_is_not_gone_on_with(out: Path) -> None:
    begun(out).close(has_ended=False)
    with pytest.raises(OtherRunError, match="begun by Framewire 1, and this is 2"):
        resumed(out, msgspec.structs.replace(IDENTITY, version="2"))


def test_without_a_journal_there_is_nothing_to_go_on_with(out: Path) -> None:
    assert Bookkeeping.resumed(SPEC, out, IDENTITY) is None


def test_a_journal_of_another_kind_is_said(out: Path) -> None:
    (out / FOLDER / "journal").write_bytes(b"FWJRNL99")
    with pytest.raises(JournalError, match="is not a journal of this version"):
        resumed(out)


def test_a_run_that_has_ended_has_ended(out: Path) -> None:
    books = begun(out)
    (out / FOLDER / "list.parts").write_text("")
    books.close(has_ended=True)
    assert resumed(out).has_ended
    assert [path.name for path in (out / FOLDER).iterdir()] == ["journal"]


def test_a_stopped_run_goes_on_where_its_streams_were_ended(out: Path) -> None:
    books = begun(out)
    books.take(Checkpoint("track", 0, "s", 6, b"six"))
    books.stopped()
    for sink in ("video", "list"):
        books.take(settle(sink, 8, ended=True))
    books.take(Checkpoint("track", 0, "s", 8, b"end"))
    books.close(has_ended=True)
    after = resumed(out)
    assert not after.has_ended
    (state,) = after.ledger.begin_epoch(())
    assert (state.mark, state.ended, state.memories) == (7, False, {"track": b"end"})


def test_a_disk_that_does_not_take_it_ends_the_ability_to_go_on(out: Path, caplog: pytest.LogCaptureFixture) -> None:
    (out / FOLDER).rmdir()
    books = begun(out)
    books.take(settle("video", 4))
    assert not books.can_be_resumed
    assert "this run can no longer be resumed" in caplog.text
    assert books.ledger.streams["s"].kept().sinks["video"].mark == 4


def test_what_is_chosen_and_condemned_is_kept(out: Path) -> None:
    books = begun(out)
    books.chose({"track": {"device": "cpu"}, "video": {}})
    books.condemn("track", "s", 5)
    after = resumed(out)
    assert after.chosen == {"track": {"device": "cpu"}}
    assert [(frame.stage, frame.seq) for frame in after.condemned] == [("track", 5)]


def in_any_order(draw: st.DrawFn, queues: list[list[Record]]) -> list[Record]:
    """Each queue in its own order, as a socket keeps it; between them any."""
    merged: list[Record] = []
    left = [list(queue) for queue in queues if queue]
    while left:
        queue = draw(st.sampled_from(left))
        merged.append(queue.pop(0))
        left = [one for one in left if one]
    return merged


@settings(deadline=None)
@given(st.data())
def test_whichever_socket_is_heard_first_the_account_is_the_same(data: st.DataObject) -> None:
    """Of a source, a stage with a memory and two sinks; the stream may be as short as it can be."""
    frames = data.draw(st.integers(0, 3))
    marks = [*range(1, frames + 1), frames + 1]
    opened: list[Record] = [StreamOpened("s", "s", "a film", 48, 64, 8, None)]
    memories: list[Record] = [Checkpoint("track", 0, "s", mark, bytes([mark])) for mark in marks]
    video, lines = ([settle(sink, mark, ended=mark == marks[-1]) for mark in marks] for sink in ("video", "list"))
    queues: list[list[Record]] = [opened, memories, [*video], [*lines]]
    with tempfile.TemporaryDirectory() as place:
        books = Bookkeeping(SPEC, folder_in(place), IDENTITY)
        books.open()
        for record in data.draw(st.composite(in_any_order)(queues)):
            books.take(record)
            books.moved()
        account = books.ledger.streams["s"]
        assert books.ledger.complete
        assert (account.mark, account.settled) == (frames + 1, frames)
        assert resumed(Path(place)).ledger.streams["s"].kept() == account.kept()


def test_what_a_dead_sink_reported_too_early_is_void(out: Path) -> None:
    books = Bookkeeping(SPEC, out, IDENTITY)
    books.open()
    books.take(settle("list", 2))
    books.take(settle("video", 2))
    books.died("list")
    books.take(StreamOpened("s", "s", "a film", 48, 64, 8, None))
    sinks = books.ledger.streams["s"].kept().sinks
    assert (sinks["video"].mark, sinks["list"].mark) == (2, 0)


def test_an_early_report_of_a_sink_that_the_stream_does_not_reach_is_dropped(out: Path) -> None:
    books = Bookkeeping(SPEC, out, IDENTITY)
    books.open()
    books.take(settle("elsewhere", 2))
    books.take(StreamOpened("s", "s", "a film", 48, 64, 8, None))
    assert "elsewhere" not in books.ledger.streams["s"].kept().sinks


def test_a_memory_ahead_of_the_mark_outlives_the_writing_anew(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next reports may move the mark to it."""
    monkeypatch.setattr(journal_module, "COMPACT_BYTES", 0)
    monkeypatch.setattr(journal_module, "COMPACT_GROWTH", 1)
    books = begun(out)
    # Once, with the first commit; not with the second.
    monkeypatch.setattr(journal_module, "COMPACT_BYTES", 2**20)
    books.take(settle("video", 2))
    for seq in (1, 2):
        books.take(Checkpoint("track", 0, "s", seq, bytes([seq])))
    for mark in (1, 2):
        books.take(settle("list", mark))
        (account,) = books.moved()
        assert account.mark == resumed(out).ledger.streams["s"].mark == mark
