"""The table that databases have of results: a row for each message, once; made and extended by us, thinned by age."""

import re
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta, Struct

from framewire.pipeline.stage import StageError
from framewire.stages.publish.places.place import Message, Place, PlaceOptions

THIN_OUT_S = 3600.0
"""How often old rows are looked for."""
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,49}")
"""Names that all databases take, so short that the names of indices fit into PostgreSQL's 63 letters."""
COLUMNS = ("run", "stream", "seq", "at", "pts", "outcome", "schema", "body")
NAMES = ", ".join(f'"{name}"' for name in COLUMNS)
Row = tuple[str, str, int, datetime, float, str, int, str]
"""The values of COLUMNS; `at` is in UTC, `body` the line."""


class TableSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a database is asked for."""

    keep_days: Annotated[
        float, Meta(ge=0, le=36500, description="Rows older than that are deleted; 0: all are kept")
    ] = 0.0


class _Known(Struct, frozen=True):
    """What of a line gets a column of its own; `schema` is the line's version."""

    schema: int
    pts: float
    outcome: str


_decoder = msgspec.json.Decoder(_Known)


class TablePlace(Place):
    """One transaction for each batch; a message that stands there already is left as it is."""

    Settings = TableSettings
    destination: ClassVar[str] = "table"
    default: ClassVar[str] = "results"
    batch_max: int = 2000

    def __init__(self, options: PlaceOptions) -> None:
        super().__init__(options)
        if "{" not in options.destination:
            _check_name(options.destination)
        self._known: set[str] = set()
        self._thinned_out = -THIN_OUT_S

    @classmethod
    def plain(cls, value: str) -> str:
        """See Place."""
        name = re.sub(r"\W", "_", value, flags=re.ASCII).lower()
        return f"_{name}" if name[:1].isdigit() else name

    def send(self, messages: Sequence[Message]) -> Mapping[int, str]:
        """See Place."""
        refused: dict[int, str] = {}
        tables: dict[str, dict[int, Row]] = {}
        for number, message in enumerate(messages):
            try:
                tables.setdefault(_check_name(message.destination), {})[number] = row_of(message)
            except (StageError, ValueError, OverflowError, msgspec.DecodeError) as error:
                refused[number] = str(error)
        with self.transaction():
            for table, rows in tables.items():
                if table not in self._known:
                    self.have(table)
                refused |= self._insert(table, rows)
            self._thin_out({*self._known, *tables})
        self._known.update(tables)
        return refused

    def transaction(self) -> AbstractContextManager[object]:
        """All that is done within is done, or nothing."""
        raise NotImplementedError

    def have(self, table: str) -> None:
        """Make the table, or add the columns that one of an older version lacks."""
        raise NotImplementedError

    def insert(self, table: str, rows: Sequence[Row]) -> None:
        """Insert rows that are not there yet. Raises one of `constraints`: some may be there then."""
        raise NotImplementedError

    def constraints(self) -> tuple[type[Exception], ...]:
        """What is raised for a row that can never stand there."""
        raise NotImplementedError

    def words_of(self, error: Exception) -> str:
        """Why a row was refused, without the row."""
        return " ".join(str(error).split())

    def delete_before(self, table: str, at: datetime) -> None:
        """Delete older rows."""
        raise NotImplementedError

    def _insert(self, table: str, rows: Mapping[int, Row]) -> dict[int, str]:
        """All at once; if there is one among them that cannot be, one by one."""
        constraints = self.constraints()
        try:
            self.insert(table, list(rows.values()))
            return {}
        except constraints:
            pass
        refused = {}
        for number, row in rows.items():
            try:
                self.insert(table, [row])
            except constraints as error:
                refused[number] = self.words_of(error)
        return refused

    def _thin_out(self, tables: set[str]) -> None:
        keep_days = self.options.settings.keep_days
        if not keep_days or time.monotonic() - self._thinned_out < THIN_OUT_S:
            return
        self._thinned_out = time.monotonic()
        for table in tables:
            self.delete_before(table, datetime.now(UTC) - timedelta(days=keep_days))


def row_of(message: Message) -> Row:
    """The row of a message."""
    known = _decoder.decode(message.body)
    at = datetime.fromtimestamp(message.at, UTC)
    return (message.run, message.stream, message.seq, at, known.pts, known.outcome, known.schema, message.body.decode())


def _check_name(name: str) -> str:
    """The name of a table. Raises StageError if no table can have it."""
    if not NAME.fullmatch(name):
        raise StageError(f"table {name!r}: use letters, digits and _, a letter first, at most 50")
    return name
