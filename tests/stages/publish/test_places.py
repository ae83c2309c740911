"""Places, each alone with what it writes to; those with servers of their own are in tests/system/test_publish.py."""

import json
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from framewire.pipeline.option import check_values
from framewire.stages.publish.places.known_places import place_of
from framewire.stages.publish.places.place import Message, NotNowError, Place, PlaceOptions
from tests.servers.databases import PostgresServer
from tests.servers.hook import Hook

LINE = {
    "schema": 1,
    "stream": "door",
    "seq": 0,
    "pts": 0.04,
    "time": "2026-03-01T12:00:00.280Z",
    "outcome": "ok",
    "width": 64,
    "height": 48,
    "run": "r",
    "detections": [
        {"id": "d.0", "label": "face", "box": [1.5, 2, 3, 4], "track": 3, "attributes": {"age": {"label": "(25-32)"}}}
    ],
    "events": [{"kind": "crossed", "where": "gate left", "line": "gate", "direction": "left"}],
}


def message(seq: int, destination: str = "", at: float | None = None, **more: Any) -> Message:
    body = json.dumps({**LINE, "seq": seq, **more}).encode()
    return Message("r", "door", seq, destination, "", body, time.time() if at is None else at)


def place(to: str, out: Path, destination: str = "", **settings: Any) -> Place:
    cls = place_of(to)
    checked = check_values(cls.Settings, settings)
    made = cls(PlaceOptions(to=to, stage="s", pipeline="p", out=out, destination=destination, settings=checked))
    made.open()
    return made


def test_sqlite_has_each_message_once_and_columns_of_an_older_table_are_added(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "x.db") as db:
        db.execute("CREATE TABLE t(run TEXT NOT NULL, stream TEXT NOT NULL, seq INTEGER NOT NULL, mine TEXT)")
    made = place("sqlite:///x.db", tmp_path, "t")
    made.send([message(0, "t"), message(1, "t")])
    made.send([message(1, "t"), message(2, "t")])
    made.close()
    with sqlite3.connect(tmp_path / "x.db") as db:
        rows = db.execute("SELECT seq, outcome, schema, body->>'$.events[0].line' FROM t ORDER BY seq").fetchall()
    assert rows == [(seq, "ok", 1, "gate") for seq in range(3)]


def test_old_rows_go(tmp_path: Path) -> None:
    made = place("sqlite:///x.db", tmp_path, "t", keep_days=1)
    made.send([message(0, "t", at=time.time() - 90_000), message(1, "t", at=time.time() - 80_000)])
    made.close()
    with sqlite3.connect(tmp_path / "x.db") as db:
        assert db.execute("SELECT seq FROM t").fetchall() == [(1,)]


def test_a_database_that_refuses_a_row_says_which(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "x.db") as db:
        db.execute(
            "CREATE TABLE t(run TEXT NOT NULL, stream TEXT NOT NULL, seq INTEGER NOT NULL CHECK (seq != 1), at TEXT)"
        )
    made = place("sqlite:///x.db", tmp_path, "t")
    refused = made.send([message(0, "t"), message(1, "t"), message(2, "t")])
    made.close()
    assert refused is not None
    assert list(refused) == [1]
    assert "CHECK" in refused[1]


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[PostgresServer]:
    server = PostgresServer(tmp_path / "postgres")
    server.start()
    yield server
    server.close()


def test_postgres_has_each_message_once_and_refuses_only_the_culprit(postgres: PostgresServer, tmp_path: Path) -> None:
    import psycopg

    with psycopg.connect(postgres.url()) as db:
        db.execute("CREATE TABLE t(run text NOT NULL, stream text NOT NULL, seq bigint NOT NULL)")
    made = place(postgres.url(), tmp_path, "t", keep_days=1)
    # jsonb has no place for a zero.
    refused = made.send([message(0, "t"), message(1, "t", file="a\0b"), message(2, "t"), message(3, "t", at=0.0)])
    assert refused is not None
    assert list(refused) == [1]
    assert not made.send([message(2, "t"), message(4, "u_door")])
    made.close()
    with psycopg.connect(postgres.url()) as db:
        assert db.execute("SELECT seq, body->'events'->0->>'line' FROM t ORDER BY seq").fetchall() == [
            (0, "gate"),
            (2, "gate"),
        ]
        assert db.execute("SELECT seq FROM u_door").fetchall() == [(4,)]


def test_parquet_has_typed_columns_and_replaces_a_file_that_is_written_again(tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    made = place("parquet:///people", tmp_path, "{stream}")
    made.send([message(0, "door"), message(1, "door")])
    made.send([message(0, "door"), message(1, "door"), message(2, "door")])
    made.close()
    (file,) = (tmp_path / "people" / "door").iterdir()
    row = (
        duckdb.connect()
        .execute(
            "SELECT count(*), max(seq), any_value(detections[1].attributes['age'].label), any_value(events[1].line), "
            f"any_value(time) FROM '{file}'"
        )
        .fetchone()
    )
    assert row is not None
    assert row[:4] == (3, 2, "(25-32)", "gate")
    assert row[4].isoformat() == "2026-03-01T12:00:00.280000"


@pytest.fixture
def hook(tmp_path: Path) -> Iterator[Hook]:
    made = Hook(tmp_path / "hook")
    made.start()
    yield made
    made.stop()


@pytest.mark.parametrize("status", [408, 429, 500, 503, 301])
def test_a_webhook_that_may_answer_otherwise_later_is_asked_again(hook: Hook, status: int, tmp_path: Path) -> None:
    hook.answers = [204, status]
    made = place(hook.url(), tmp_path)
    with pytest.raises(NotNowError) as error:
        made.send([message(0), message(1), message(2)])
    assert error.value.delivered == 1
    made.close()


@pytest.mark.parametrize("status", [400, 401, 404, 413, 422])
def test_a_webhook_that_refuses_one_gets_the_next(hook: Hook, status: int, tmp_path: Path) -> None:
    hook.answers = [204, status]
    made = place(hook.url(), tmp_path)
    refused = made.send([message(0), message(1), message(2)])
    made.close()
    assert refused is not None
    assert list(refused) == [1]
    assert [seq for _, _, seq in hook.received()] == [0, 2]


def test_of_several_in_a_request_only_the_culprit_is_refused(hook: Hook, tmp_path: Path) -> None:
    hook.answers = [413, 204, 413]
    made = place(hook.url(), tmp_path, at_once=3)
    refused = made.send([message(seq) for seq in range(5)])
    made.close()
    assert refused is not None
    assert list(refused) == [1]
    assert [seq for _, _, seq in hook.received()] == [0, 2, 3, 4]
    assert hook.requests[-1].headers["content-type"] == "application/x-ndjson"
