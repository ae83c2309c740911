"""parquet:///FOLDER: files of many messages each, typed column by column, for DuckDB, pandas, Spark."""

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from framewire.pipeline.disk import sync_folder
from framewire.pipeline.privacy.address import shown
from framewire.pipeline.stage import StageError
from framewire.stages.publish.places.address import path_in
from framewire.stages.publish.places.place import Message, Place, PlaceOptions

ATTRIBUTE = "STRUCT(label VARCHAR, score DOUBLE, value DOUBLE)"
DETECTION = (
    "STRUCT(id VARCHAR, label VARCHAR, box DOUBLE[], score DOUBLE, parent VARCHAR, landmarks DOUBLE[][], "
    f"attributes MAP(VARCHAR, {ATTRIBUTE}), track BIGINT)"
)
EVENT = 'STRUCT(kind VARCHAR, "where" VARCHAR, track BIGINT, value DOUBLE, line VARCHAR, direction VARCHAR)'
COLUMNS = {
    "run": "VARCHAR",
    "stream": "VARCHAR",
    "seq": "BIGINT",
    "pts": "DOUBLE",
    "time": "TIMESTAMP",
    "file": "VARCHAR",
    "width": "INTEGER",
    "height": "INTEGER",
    "outcome": "VARCHAR",
    "reason": "VARCHAR",
    "stage": "VARCHAR",
    "detections": f"{DETECTION}[]",
    "events": f"{EVENT}[]",
    "schema": "INTEGER",
}
"""A column for each key of a line: see docs/results.md."""
ROWS = 10_000
LINGER_S = 60.0


class Parquet(Place):
    """A file is named after its first message: written again after a crash, it replaces itself."""

    library: ClassVar[tuple[str, str]] = ("duckdb", "parquet")
    destination: ClassVar[str] = "table"
    default: ClassVar[str] = "{stream}"
    batch_max: int = ROWS
    linger_s: float = LINGER_S

    def __init__(self, options: PlaceOptions) -> None:
        super().__init__(options)
        self._folder = path_in(options.to, options.out, "folder")
        if Path(options.destination).is_absolute() or ".." in Path(options.destination).parts:
            raise StageError(f"table {options.destination!r} leads out of {shown(options.to)}")

    @classmethod
    def plain(cls, value: str) -> str:
        """One name of a file."""
        return value.replace("/", "_").replace("\0", "_").lstrip(".") or "_"

    def send(self, messages: Sequence[Message]) -> Mapping[int, str]:
        """See Place."""
        parts: dict[str, list[Message]] = {}
        for message in messages:
            parts.setdefault(message.destination, []).append(message)
        for destination, own in parts.items():
            folder = self._folder / destination
            folder.mkdir(parents=True, exist_ok=True)
            first = own[0]
            self._write(own, folder / f"{first.run[:12]}-{self.plain(first.stream)}-{first.seq:09d}.parquet")
        return {}

    def _write(self, messages: Sequence[Message], path: Path) -> None:
        import duckdb

        columns = ", ".join(f"'{name}': '{kind}'" for name, kind in COLUMNS.items())
        growing = path.with_name(f".{path.name}.part")
        with tempfile.NamedTemporaryFile(suffix=".jsonl") as lines:
            lines.writelines(message.body + b"\n" for message in messages)
            lines.flush()
            with duckdb.connect() as db:
                db.execute("SET threads=1")
                db.execute(
                    f"COPY (SELECT * FROM read_json('{_quoted(lines.name)}', format='newline_delimited', "
                    f"columns={{{columns}}})) TO '{_quoted(str(growing))}' (FORMAT parquet, COMPRESSION zstd)"
                )
        with growing.open("rb") as file:
            os.fsync(file.fileno())
        growing.replace(path)
        sync_folder(path.parent)


def _quoted(text: str) -> str:
    return text.replace("'", "''")
