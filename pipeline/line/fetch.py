"""One file on its way here, part by part, over a line that has other things to carry."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from framewire.pipeline.line.said import PART_BYTES_MAX, FileAsked, FilePart

PART_BYTES_MIN = 2**14
QUICK_S = 0.05
"""A part that is here so soon may be followed by one twice as large."""
SLOW_S = 0.2
"""One that takes longer, by one half as large: what else is on the line waits behind it, and a lease may be 1 s."""
PART = ".part"
READ_BYTES = 2**22


class FetchError(Exception):
    """What came is not the file; the text says so, and the cure."""


class Fetch:
    """Asks for a file one part at a time, and puts it in its place when all of it is there and its hash is right.

    What is there of it stays if the process is killed: another begins behind it.

    Example:
        fetch = Fetch(Path("files"), sha256, size, "mine.onnx")
        for _ in fetch.begin():                   # takes a while if much of it is here
            ...
        while not fetch.is_whole:
            fetch.took(answer_to(fetch.ask(now)), now)
    """

    def __init__(self, folder: Path, sha256: str, size: int, name: str) -> None:
        """It becomes `folder`/SHA256/`name`; `size` is in bytes."""
        self.sha256 = sha256
        self.path = folder / sha256 / name
        self.is_whole = False
        self._size = size
        self._part = folder / f"{sha256}{PART}"
        self._digest = hashlib.sha256()
        self._have = 0
        self._is_gone_on_with = False
        """Whether some of it is what an earlier try has left."""
        self._count = PART_BYTES_MIN
        self._asked_at = 0.0

    def begin(self) -> Iterator[None]:
        """Read what an earlier try has left, and yield now and then. Raises OSError, FetchError."""
        self._part.parent.mkdir(parents=True, exist_ok=True)
        with self._part.open("ab+") as file:
            if file.tell() > self._size:
                file.truncate(0)
            file.seek(0)
            while data := file.read(READ_BYTES):
                self._digest.update(data)
                self._have += len(data)
                self._is_gone_on_with = True
                yield
        self._finish_if_whole()

    def ask(self, now: float) -> FileAsked:
        """For the next part; `now` is by any monotonic clock."""
        self._asked_at = now
        return FileAsked(self.sha256, self._have, min(self._count, self._size - self._have))

    def took(self, part: FilePart, now: float) -> bool:
        """A part has come; returns whether it was the one that was asked for. Raises FetchError, OSError."""
        if part.sha256 != self.sha256 or part.offset != self._have or self.is_whole:
            return False
        if not 0 < len(part.data) <= self._size - self._have:
            raise self._wrong()
        with self._part.open("ab") as file:
            file.write(part.data)
        self._digest.update(part.data)
        self._have += len(part.data)
        if now - self._asked_at <= QUICK_S:
            self._count = min(2 * self._count, PART_BYTES_MAX)
        elif now - self._asked_at > SLOW_S:
            self._count = max(self._count // 2, PART_BYTES_MIN)
        self._finish_if_whole()
        return True

    def drop(self) -> None:
        """It is not wanted any more."""
        self._part.unlink(missing_ok=True)

    def _finish_if_whole(self) -> None:
        if self._have < self._size:
            return
        if self._digest.hexdigest() != self.sha256:
            if not self._is_gone_on_with:
                raise self._wrong()
            # What was left may have been torn: once more, from the beginning.
            self.drop()
            self._digest, self._have, self._is_gone_on_with = hashlib.sha256(), 0, False
            return
        self.path.parent.mkdir(exist_ok=True)
        self._part.replace(self.path)
        self.is_whole = True

    def _wrong(self) -> FetchError:
        # Nothing of it can be trusted: the next try begins anew.
        self.drop()
        return FetchError(f"what came as {self.path.name} is not the file of its hash; start again")
