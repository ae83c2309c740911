"""sqlite:///FILE: a table in a SQLite database, relative to the output folder; each message stands in it once."""

import sqlite3
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from framewire.pipeline.privacy.address import shown
from framewire.pipeline.stage import StageError
from framewire.stages.publish.places.place import PATIENCE_S, Message, Place, PlaceOptions
from framewire.stages.publish.places.tables.table import (
    COLUMNS,
    DAY_S,
    TableSettings,
    by_table,
    check_name,
    plain_name,
    row_of,
)

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
THIN_OUT_S = 3600.0
"""How often old rows are looked for."""


class Sqlite(Place):
    """One transaction for each batch; a message that stands there already is left as it is."""

    Settings = TableSettings
    destination: ClassVar[str] = "table"
    default: ClassVar[str] = "results"
    batch_max: ClassVar[int] = 2000

    def __init__(self, options: PlaceOptions) -> None:
        super().__init__(options)
        name = options.to.partition("://")[2]
        if not name.startswith("/") or len(name) < 2:
            raise StageError(f"{shown(options.to)} names no file; write sqlite:///FILE, or sqlite:////ABSOLUTE/FILE")
        self._path = Path(options.out, name[1:])
        if "{" not in options.destination:
            check_name(options.destination)
        self._known: set[str] = set()
        self._thinned_out = -THIN_OUT_S

    @classmethod
    def plain(cls, value: str) -> str:
        """See Place."""
        return plain_name(value)

    def open(self) -> None:
        """See Place."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(self._path, isolation_level=None, timeout=PATIENCE_S, check_same_thread=False)
        # Who reads it never waits for us, nor we for them.
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._known.clear()

    def send(self, messages: Sequence[Message]) -> Mapping[int, str]:
        """See Place."""
        refused: dict[int, str] = {}
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for table, numbers in by_table(messages).items():
                self._have(table)
                refused |= self._insert(table, {number: messages[number] for number in numbers})
            self._thin_out()
        except BaseException:
            self._db.execute("ROLLBACK")
            self._known.clear()
            raise
        self._db.execute("COMMIT")
        return refused

    def close(self) -> None:
        """See Place."""
        if hasattr(self, "_db"):
            self._db.close()

    def _insert(self, table: str, messages: Mapping[int, Message]) -> dict[int, str]:
        """All at once; if there is one among them that cannot be, one by one."""
        rows = {number: _row(message) for number, message in messages.items()}
        places = ", ".join("?" * len(COLUMNS))
        text = f'INSERT INTO "{table}"({_names()}) VALUES({places}) ON CONFLICT(run, stream, seq) DO NOTHING'
        try:
            self._db.executemany(text, rows.values())
            return {}
        except sqlite3.IntegrityError:
            pass
        refused = {}
        for number, row in rows.items():
            try:
                self._db.execute(text, row)
            except sqlite3.IntegrityError as error:
                refused[number] = str(error)
        return refused

    def _have(self, table: str) -> None:
        """Make the table, or add the columns that one of an older version lacks."""
        if table in self._known:
            return
        check_name(table)
        columns = ", ".join(f'"{name}" {kind}' for name, kind in TYPES.items())
        self._db.execute(f'CREATE TABLE IF NOT EXISTS "{table}"({columns})')
        there = {row[1] for row in self._db.execute(f'PRAGMA table_info("{table}")')}
        for name, kind in TYPES.items():
            if name not in there:
                self._db.execute(f'ALTER TABLE "{table}" ADD COLUMN "{name}" {kind.removesuffix(" NOT NULL")}')
        self._db.execute(f'CREATE UNIQUE INDEX IF NOT EXISTS "{table}_frame" ON "{table}"(run, stream, seq)')
        self._db.execute(f'CREATE INDEX IF NOT EXISTS "{table}_at" ON "{table}"(at)')
        self._known.add(table)

    def _thin_out(self) -> None:
        keep_days = self.options.settings.keep_days
        if not keep_days or time.monotonic() - self._thinned_out < THIN_OUT_S:
            return
        self._thinned_out = time.monotonic()
        limit = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() - keep_days * DAY_S))
        for table in self._known:
            self._db.execute(f'DELETE FROM "{table}" WHERE at < ?', (limit,))


def _row(message: Message) -> tuple[str, str, int, str, float, str, int, str]:
    run, stream, seq, at, pts, outcome, schema, body = row_of(message)
    return (run, stream, seq, at.isoformat(timespec="milliseconds"), pts, outcome, schema, body)


def _names() -> str:
    return ", ".join(f'"{name}"' for name in COLUMNS)
