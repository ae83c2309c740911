"""sqlite:///FILE: a table in a SQLite database, relative to the output folder."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from framewire.stages.publish.places.address import path_in
from framewire.stages.publish.places.place import PATIENCE_S, PlaceOptions
from framewire.stages.publish.places.tables.table import COLUMNS, NAMES, Row, TablePlace

TYPES = {
    "run": "TEXT NOT NULL",
    "stream": "TEXT NOT NULL",
    "seq": "INTEGER NOT NULL",
    "at": "TEXT",
    "pts": "REAL",
    "outcome": "TEXT",
    "schema": "INTEGER",
    "body": "TEXT",
}


class Sqlite(TablePlace):
    """Times are text, ISO 8601 in UTC with milliseconds, which sorts as they do."""

    def __init__(self, options: PlaceOptions) -> None:
        super().__init__(options)
        self._path = path_in(options.to, options.out, "file")
        self._db: sqlite3.Connection | None = None

    def open(self) -> None:
        """See Place."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(self._path, isolation_level=None, timeout=PATIENCE_S, check_same_thread=False)
        # Who reads it never waits for us, nor we for them.
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._known.clear()

    def close(self) -> None:
        """See Place."""
        if self._db is not None:
            self._db.close()
            self._db = None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """See TablePlace."""
        self._open_db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._open_db.execute("ROLLBACK")
            raise
        self._open_db.execute("COMMIT")

    def have(self, table: str) -> None:
        """See TablePlace."""
        columns = ", ".join(f'"{name}" {kind}' for name, kind in TYPES.items())
        self._open_db.execute(f'CREATE TABLE IF NOT EXISTS "{table}"({columns})')
        there = {row[1] for row in self._open_db.execute(f'PRAGMA table_info("{table}")')}
        for name, kind in TYPES.items():
            if name not in there:
                self._open_db.execute(f'ALTER TABLE "{table}" ADD COLUMN "{name}" {kind.removesuffix(" NOT NULL")}')
        self._open_db.execute(f'CREATE UNIQUE INDEX IF NOT EXISTS "{table}_frame" ON "{table}"(run, stream, seq)')
        self._open_db.execute(f'CREATE INDEX IF NOT EXISTS "{table}_at" ON "{table}"(at)')

    def insert(self, table: str, rows: Sequence[Row]) -> None:
        """See TablePlace."""
        places = ", ".join("?" * len(COLUMNS))
        text = f'INSERT INTO "{table}"({NAMES}) VALUES({places}) ON CONFLICT(run, stream, seq) DO NOTHING'
        self._open_db.executemany(text, [(*row[:3], _text_of(row[3]), *row[4:]) for row in rows])

    def constraints(self) -> tuple[type[Exception], ...]:
        """See TablePlace."""
        return (sqlite3.IntegrityError,)

    def delete_before(self, table: str, at: datetime) -> None:
        """See TablePlace."""
        self._open_db.execute(f'DELETE FROM "{table}" WHERE at < ?', (_text_of(at),))

    @property
    def _open_db(self) -> sqlite3.Connection:
        assert self._db is not None
        return self._db


def _text_of(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")
