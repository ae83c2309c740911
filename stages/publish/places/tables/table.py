"""The table that databases have of results: a row for each message, made and extended by us, and thinned out by age."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from framewire.pipeline.stage import StageError
from framewire.stages.publish.places.place import Message

DAY_S = 86400.0
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
"""Names that all databases take, as long as PostgreSQL's may be."""


class TableSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a database is asked for."""

    keep_days: Annotated[float, Meta(ge=0, description="Rows older than that are deleted; 0: all are kept")] = 0.0


class Columns(Struct, frozen=True):
    """What of a message gets a column of its own; `schema` is the version of the line."""

    schema: int
    pts: float
    outcome: str


_decoder = msgspec.json.Decoder(Columns)
COLUMNS = ("run", "stream", "seq", "at", "pts", "outcome", "schema", "body")


def row_of(message: Message) -> tuple[str, str, int, datetime, float, str, int, str]:
    """The values of COLUMNS."""
    known = _decoder.decode(message.body)
    at = datetime.fromtimestamp(message.at, UTC)
    return (message.run, message.stream, message.seq, at, known.pts, known.outcome, known.schema, message.body.decode())


def plain_name(value: str) -> str:
    """A text as it may stand in a table's name."""
    return re.sub(r"\W", "_", value, flags=re.ASCII).lower()


def check_name(name: str) -> str:
    """The name of a table. Raises StageError if no table can have it."""
    if not NAME.fullmatch(name):
        raise StageError(f"table {name!r}: use letters, digits and _, a letter first, at most 63")
    return name


def by_table(messages: Sequence[Message]) -> dict[str, list[int]]:
    """The numbers of the messages that go to each table."""
    found: dict[str, list[int]] = {}
    for number, message in enumerate(messages):
        found.setdefault(message.destination, []).append(number)
    return found
