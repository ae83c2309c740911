"""The list of a run's parts, on disk: a replacement worker must know which files exist."""

from pathlib import Path

import msgspec
from msgspec import Struct


class Part(Struct, frozen=True):
    """One part: its key (a stream, or nothing where all streams share a file), its path under the output folder.

    It begins with frame `seq` of `stream`, at `time` seconds of that stream.
    """

    key: str
    path: str
    stream: str
    seq: int
    time: float
    number: int


class PartIndex:
    """Grows with each part; deleted when the run ends well."""

    def __init__(self, path: Path, resumed: bool) -> None:
        """Start afresh, or continue a dead worker's list. Raises OSError."""
        self._path = path
        self._parts: list[Part] = []
        path.parent.mkdir(parents=True, exist_ok=True)
        if resumed and path.exists():
            self._parts = list(_whole_lines(path.read_bytes()))
        self._save()

    def of(self, key: str) -> list[Part]:
        """The parts of a key, in order."""
        return [part for part in self._parts if part.key == key]

    def names(self) -> list[str]:
        """The paths of all parts."""
        return [part.path for part in self._parts]

    def add(self, part: Part) -> None:
        """Record a part, before its file is created."""
        self._parts.append(part)
        with self._path.open("ab") as file:
            file.write(_line(part))

    def drop(self, part: Part) -> None:
        """Remove a part."""
        self._parts.remove(part)
        self._save()

    def close(self) -> None:
        """The run is over: delete the list."""
        self._path.unlink(missing_ok=True)

    def _save(self) -> None:
        unfinished = self._path.with_name(self._path.name + ".new")
        unfinished.write_bytes(b"".join(_line(part) for part in self._parts))
        unfinished.replace(self._path)


def _line(part: Part) -> bytes:
    return msgspec.json.encode(part) + b"\n"


def _whole_lines(data: bytes) -> "list[Part]":
    parts = []
    for line in data.splitlines(keepends=True):
        if line.endswith(b"\n"):
            parts.append(msgspec.json.decode(line, type=Part))
    return parts
