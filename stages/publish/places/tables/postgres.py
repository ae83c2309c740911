"""postgresql://: a table in PostgreSQL; each message stands in it once, its line as jsonb."""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from framewire.stages.publish.places.place import PATIENCE_S, Message, Place, PlaceOptions
from framewire.stages.publish.places.tables.table import (
    COLUMNS,
    TableSettings,
    by_table,
    check_name,
    plain_name,
    row_of,
)

TYPES = {
    "run": "text NOT NULL",
    "stream": "text NOT NULL",
    "seq": "bigint NOT NULL",
    "at": "timestamptz",
    "pts": "double precision",
    "outcome": "text",
    "schema": "integer",
    "body": "jsonb",
}
THIN_OUT_S = 3600.0
"""How often old rows are looked for."""


class Postgres(Place):
    """One transaction for each batch; a message that stands there already is left as it is."""

    Settings = TableSettings
    library: ClassVar[tuple[str, str]] = ("psycopg", "postgres")
    destination: ClassVar[str] = "table"
    default: ClassVar[str] = "results"
    batch_max: ClassVar[int] = 2000

    def __init__(self, options: PlaceOptions) -> None:
        super().__init__(options)
        if "{" not in options.destination:
            check_name(options.destination)
        self._known: set[str] = set()
        self._thinned_out = -THIN_OUT_S
        self._db: Any = None

    @classmethod
    def plain(cls, value: str) -> str:
        """See Place."""
        return plain_name(value)

    def open(self) -> None:
        """See Place."""
        import psycopg

        options = self.options
        given = {
            "user": options.username,
            "password": options.password,
            "sslrootcert": options.ca_file,
            "sslcert": options.cert_file,
            "sslkey": options.key_file,
            # Who names an authority wants to know whom he talks to.
            "sslmode": "verify-full" if options.ca_file else "",
        }
        self._db = psycopg.connect(
            options.to,
            **{name: value for name, value in given.items() if value},  # type: ignore[arg-type]
            connect_timeout=int(PATIENCE_S),
            # A server that is gone without a word is found out by the kernel.
            keepalives_idle=int(PATIENCE_S),
            keepalives_interval=2,
            keepalives_count=3,
            tcp_user_timeout=int(1000 * PATIENCE_S),
            application_name=f"framewire {options.pipeline} {options.stage}",
        )
        self._known.clear()

    def send(self, messages: Sequence[Message]) -> Mapping[int, str]:
        """See Place."""
        refused: dict[int, str] = {}
        with self._db.transaction():
            for table, numbers in by_table(messages).items():
                self._have(table)
                refused |= self._insert(table, {number: messages[number] for number in numbers})
            self._thin_out()
        return refused

    def close(self) -> None:
        """See Place."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def _insert(self, table: str, messages: Mapping[int, Message]) -> dict[int, str]:
        """All at once; if there is one among them that cannot be, one by one."""
        import psycopg

        rows = {number: row_of(message) for number, message in messages.items()}
        names = ", ".join(f'"{name}"' for name in COLUMNS)
        places = ", ".join(["%s"] * len(COLUMNS))
        text = f'INSERT INTO "{table}"({names}) VALUES({places}) ON CONFLICT DO NOTHING'
        constraint = (psycopg.DataError, psycopg.IntegrityError)
        try:
            with self._db.transaction():
                self._db.cursor().executemany(text, list(rows.values()))
            return {}
        except constraint:
            pass
        refused = {}
        for number, row in rows.items():
            try:
                with self._db.transaction():
                    self._db.execute(text, row)
            except constraint as error:
                refused[number] = " ".join(str(error).split())
        return refused

    def _have(self, table: str) -> None:
        """Make the table, or add the columns that one of an older version lacks."""
        if table in self._known:
            return
        check_name(table)
        columns = ", ".join(f'"{name}" {kind}' for name, kind in TYPES.items())
        # Two runs that begin together would both make it.
        self._db.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (f"framewire {table}",))
        self._db.execute(f'CREATE TABLE IF NOT EXISTS "{table}"({columns})')
        for name, kind in TYPES.items():
            added = kind.removesuffix(" NOT NULL")
            self._db.execute(f'ALTER TABLE "{table}" ADD COLUMN IF NOT EXISTS "{name}" {added}')
        self._db.execute(f'CREATE UNIQUE INDEX IF NOT EXISTS "{table}_frame" ON "{table}"(run, stream, seq)')
        self._db.execute(f'CREATE INDEX IF NOT EXISTS "{table}_at" ON "{table}"(at)')
        self._known.add(table)

    def _thin_out(self) -> None:
        keep_days = self.options.settings.keep_days
        if not keep_days or time.monotonic() - self._thinned_out < THIN_OUT_S:
            return
        self._thinned_out = time.monotonic()
        for table in self._known:
            limit = datetime.now(UTC) - timedelta(days=keep_days)
            self._db.execute(f'DELETE FROM "{table}" WHERE at < %s', (limit,))
