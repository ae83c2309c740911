"""What is put in comes out once, in order, whoever is killed in between; the account adds up."""

import os
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framewire.pipeline.seen.published import Published
from framewire.pipeline.stage import StageError
from framewire.stages.publish.places.place import Message
from framewire.stages.publish.spool import ROW_BYTES, Spool


def message(seq: int, run: str = "r", body: bytes = b"{}") -> Message:
    return Message(run, "door", seq, "topic", "key", body, 1000.0 + seq)


def put(spool: Spool, seq: int, drops_oldest: bool = False, body: bytes = b"{}") -> None:
    spool.put(message(seq, body=body), "door", seq + 1, b"memory %d" % seq, drops_oldest)


def adds_up(account: Published) -> bool:
    return account.found + account.put == account.delivered + account.refused + account.dropped + account.waiting


def test_it_goes_on_where_a_killed_process_was(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite"
    child = os.fork()
    if not child:
        spool = Spool(path, "r")
        for seq in range(5):
            put(spool, seq)
        spool.settle(spool.first(2))
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    spool = Spool(path, "r")
    assert spool.next_of("door") == (5, b"memory 4")
    assert spool.next_of("hall") == (0, None)
    assert [one.message for one in spool.first(10)] == [message(seq) for seq in (2, 3, 4)]
    assert spool.account() == Published(0, 5, 2, 0, 0, 3, 1002.0)
    spool.close()
    assert path.stat().st_mode & 0o077 == 0


def test_a_new_run_finds_what_waits_and_forgets_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite"
    spool = Spool(path, "old")
    put(spool, 0)
    spool.close()
    spool = Spool(path, "new")
    spool.begin("pipeline", "stage", "/p.yaml")
    assert spool.next_of("door") == (0, None)
    assert spool.account() == Published(found=1, waiting=1, oldest=1000.0)
    assert spool.origin() == ("pipeline", "stage", "/p.yaml")
    spool.close()


def test_a_command_that_sends_between_a_run_and_its_resumption_leaves_the_account_right(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite"
    spool = Spool(path, "r")
    put(spool, 0)
    put(spool, 1)
    spool.close()
    deliver = Spool(path, "deliver")
    deliver.settle(deliver.first(1))
    deliver.close()
    spool = Spool(path, "r")
    assert spool.next_of("door") == (2, b"memory 1")
    assert spool.account() == Published(0, 2, 1, 0, 0, 1, 1001.0)
    spool.close()


def test_a_full_one_drops_the_oldest_but_not_what_is_being_sent(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.sqlite", "r", max_bytes=20 * (ROW_BYTES + 2))
    for seq in range(20):
        put(spool, seq)
    assert spool.is_full
    in_hand = spool.first(3)
    put(spool, 20, drops_oldest=True)
    assert [one.message.seq for one in spool.first(4)] == [0, 1, 2, 4]
    spool.settle(in_hand, refused=[1])
    assert spool.account() == Published(0, 21, 2, 1, 1, 17, 1004.0)
    spool.close()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.one_of(st.just("put"), st.integers(1, 7), st.just("reopen")), max_size=40), st.integers(3, 12))
def test_the_account_adds_up_whatever_comes(
    tmp_path_factory: pytest.TempPathFactory, steps: list[object], room: int
) -> None:
    path = tmp_path_factory.mktemp("spool") / "spool.sqlite"
    spool = Spool(path, "r", max_bytes=room * (ROW_BYTES + 2))
    seq, out = 0, []
    for step in steps:
        if step == "put":
            put(spool, seq, drops_oldest=True)
            seq += 1
        elif step == "reopen":
            spool.close()
            spool = Spool(path, "r", max_bytes=room * (ROW_BYTES + 2))
        else:
            assert isinstance(step, int)
            sent = spool.first(step)
            out += [one.message.seq for one in sent]
            spool.settle(sent)
            spool.hand_back()
        account = spool.account()
        assert adds_up(account)
        assert account.waiting == spool.waiting == len(spool.first(1000))
        spool.hand_back()
        assert account.put == seq
        assert account.waiting <= room
    assert out == sorted(set(out))
    assert len(out) == spool.account().delivered
    spool.close()


def test_one_that_is_damaged_is_named(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite"
    path.write_bytes(b"no database at all, but long enough to be taken for one" * 100)
    with pytest.raises(StageError, match=f"{path} is damaged"):
        Spool(path, "r")


def test_one_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite"
    Spool(path, "r").close()
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(StageError, match="newer version"):
        Spool(path, "r")


def test_a_disk_that_is_full_is_an_error_of_the_file(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.sqlite", "r")
    spool._db.execute("PRAGMA max_page_count=1")
    with pytest.raises(OSError, match="full") as error:
        put(spool, 0, body=b"x" * 100_000)
    assert error.value.filename == str(spool.path)
    assert (spool.waiting, spool.next_of("door")) == (0, (0, None))
