"""The list of a run's parts, on disk: a replacement worker, or a resumed run, must know which files exist."""

from pathlib import Path

import msgspec
from msgspec import Struct

from framewire.pipeline.disk import replace_file

_encoder = msgspec.json.Encoder()


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
    """Grows with each part; the engine deletes it when the run has ended."""

    def __init__(self, path: Path, resumed: bool) -> None:
        """Start afresh, or continue a dead worker's list. Raises OSError."""
        self._path = path
        self._parts: list[Part] = []
        if resumed and path.exists():
            self._parts = list(_whole_lines(path.read_bytes()))

    def of(self, key: str) -> list[Part]:
        """The parts of a key, in order."""
        return [part for part in self._parts if part.key == key]

    def names(self) -> list[str]:
        """The paths of all parts."""
        return [part.path for part in self._parts]

    def add(self, part: Part) -> None:
        """Record a part, before its file is created. Raises OSError, and has then recorded nothing."""
        self._save([*self._parts, part])

    def drop(self, part: Part) -> None:
        """Remove a part. Raises OSError."""
        self._save([one for one in self._parts if one != part])

    def _save(self, parts: list[Part]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(self._path, _encoder.encode_lines(parts))
        self._parts = parts


def _whole_lines(data: bytes) -> "list[Part]":
    parts = []
    for line in data.splitlines(keepends=True):
        if line.endswith(b"\n"):
            parts.append(msgspec.json.decode(line, type=Part))
    return parts
