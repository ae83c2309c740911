"""postgresql://: a table in PostgreSQL, the lines as jsonb."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, ClassVar

from framewire.pipeline.privacy.address import HINT, is_ambiguous, shown
from framewire.pipeline.stage import StageError
from framewire.stages.publish.places.place import PATIENCE_S, PlaceOptions
from framewire.stages.publish.places.tables.table import COLUMNS, NAMES, Row, TablePlace

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


class Postgres(TablePlace):
    """The address is libpq's, parameters included."""

    library: ClassVar[tuple[str, str]] = ("psycopg", "postgres")

    def __init__(self, options: PlaceOptions) -> None:
        import psycopg

        super().__init__(options)
        if is_ambiguous(options.to) or options.to.partition("://")[2].rpartition("@")[0].count("@"):
            raise StageError(f"the address {shown(options.to)} cannot be read; {HINT}")
        try:
            psycopg.conninfo.conninfo_to_dict(options.to)
        except psycopg.ProgrammingError:
            # Its text has the password.
            raise StageError(f"the address {shown(options.to)} cannot be read; {HINT}") from None
        self._db: Any = None

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

    def close(self) -> None:
        """See Place."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def transaction(self) -> AbstractContextManager[object]:
        """See TablePlace."""
        transaction: AbstractContextManager[object] = self._db.transaction()
        return transaction

    def have(self, table: str) -> None:
        """See TablePlace."""
        columns = ", ".join(f'"{name}" {kind}' for name, kind in TYPES.items())
        # Two runs that begin together would both make it.
        self._db.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (f"framewire {table}",))
        self._db.execute(f'CREATE TABLE IF NOT EXISTS "{table}"({columns})')
        for name, kind in TYPES.items():
            added = kind.removesuffix(" NOT NULL")
            self._db.execute(f'ALTER TABLE "{table}" ADD COLUMN IF NOT EXISTS "{name}" {added}')
        self._db.execute(f'CREATE UNIQUE INDEX IF NOT EXISTS "{table}_frame" ON "{table}"(run, stream, seq)')
        self._db.execute(f'CREATE INDEX IF NOT EXISTS "{table}_at" ON "{table}"(at)')

    def insert(self, table: str, rows: Sequence[Row]) -> None:
        """See TablePlace."""
        places = ", ".join(["%s"] * len(COLUMNS))
        text = f'INSERT INTO "{table}"({NAMES}) VALUES({places}) ON CONFLICT DO NOTHING'
        # In a savepoint: an error must not end what was done before it.
        with self._db.transaction():
            self._db.cursor().executemany(text, rows)

    def constraints(self) -> tuple[type[Exception], ...]:
        """See TablePlace."""
        import psycopg

        return (psycopg.DataError, psycopg.IntegrityError)

    def words_of(self, error: Exception) -> str:
        """See TablePlace: its details have the whole row."""
        diagnosis = getattr(error, "diag", None)
        return str(getattr(diagnosis, "message_primary", "") or type(error).__name__)

    def delete_before(self, table: str, at: datetime) -> None:
        """See TablePlace."""
        self._db.execute(f'DELETE FROM "{table}" WHERE at < %s', (at,))
