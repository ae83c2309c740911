"""Files of home that stages on this machine read: those that are here as they are, and the rest fetched by hash."""

import hashlib
import shutil
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from framewire.pipeline.graph.spec import PipelineSpec, StageSpec
from framewire.pipeline.line.fetch import PART, READ_BYTES, Fetch, FetchError
from framewire.pipeline.line.lent_file import LentFile
from framewire.pipeline.line.said import FileAsked, FilePart

FOLDER = "files"
"""In the folder of the engine's own files: SHA256/NAME."""
BYTES_MAX = 2**30
"""Of all that is fetched for one run: the workers wait for it."""


class LentFilesError(Exception):
    """The files cannot be had; the text says why, and the cure."""


class LentFiles:
    """Where the files are that home has named for this machine.

    Example:
        files = LentFiles(welcome.files, Path("out/.framewire/files"))
        for _ in files.look():                  # reads what is here already
            ...
        ask = files.ask(now)                    # None if nothing is lacking
        files.took(part, now)                   # an answer has come: ask again
        files.given(spec)                       # once `is_whole`: for a worker's boot
    """

    def __init__(self, files: Sequence[LentFile], folder: Path) -> None:
        """`folder` is where they are kept, for later runs too."""
        self._files = files
        self._folder = folder
        self._places: dict[tuple[str, str], Path] = {}
        """By hash and name."""
        self._lacking: deque[Fetch] = deque()
        self._size = 0
        self.news: list[str] = []
        """What the log should say of them."""

    def look(self) -> Iterator[None]:
        """Find what is here, and remove what no stage reads any more; yields now and then.

        A file at the same place as at home is used as it is if it has the same hash. Raises LentFilesError,
        FetchError, OSError.
        """
        self._tidy()
        lacking: dict[str, LentFile] = {}
        seen: set[tuple[Path, str]] = set()
        for file in self._files:
            for path in (self._folder / file.sha256 / file.name, _place(file)):
                if _key(file) in self._places or (path, file.sha256) in seen or not path.is_file():
                    continue
                seen.add((path, file.sha256))
                digest = hashlib.sha256()
                with path.open("rb") as content:
                    while data := content.read(READ_BYTES):
                        digest.update(data)
                        yield
                if digest.hexdigest() == file.sha256:
                    self._places[_key(file)] = path.absolute()
                elif path == _place(file):
                    self.news.append(f"{file.stage}: {path} differs from the file at home, which is used instead")
            if _key(file) not in self._places:
                lacking[file.sha256] = file
        yield from self._begin(list(lacking.values()))

    def _begin(self, lacking: list[LentFile]) -> Iterator[None]:
        self._size = sum(file.size for file in lacking)
        if self._size > BYTES_MAX:
            largest = max(lacking, key=lambda file: file.size)
            raise LentFilesError(
                f"{len(lacking)} files of {self._size / 2**20:.0f} MiB are only at home, and {BYTES_MAX // 2**20} MiB "
                f"may be fetched; copy the largest, {largest.name}, to {_place(largest).absolute()}"
            )
        for file in lacking:
            fetch = Fetch(self._folder, file.sha256, file.size, file.name)
            yield from fetch.begin()
            self._lacking.append(fetch)
        if lacking:
            names = ", ".join(file.name for file in lacking)
            self.news.append(f"fetching {names} ({self._size / 2**20:.1f} MiB) from home")
        self._settle()

    @property
    def is_whole(self) -> bool:
        """Whether nothing is lacking."""
        return not self._lacking

    def ask(self, now: float) -> FileAsked | None:
        """What to ask home for; None if nothing is lacking."""
        return self._lacking[0].ask(now) if self._lacking else None

    def took(self, part: FilePart, now: float) -> bool:
        """A part has come; returns whether it was asked for. Raises FetchError."""
        try:
            if not self._lacking or not self._lacking[0].took(part, now):
                return False
            self._settle()
        except OSError as error:
            raise FetchError(f"{error.filename or self._folder}: {error.strerror}") from error
        return True

    def given(self, spec: PipelineSpec) -> PipelineSpec:
        """The spec with the places that files have on this machine, not at home."""
        return msgspec.structs.replace(spec, stages=tuple(map(self._of_stage, spec.stages)))

    def _of_stage(self, stage: StageSpec) -> StageSpec:
        own = [file for file in self._files if file.stage == stage.name]
        return msgspec.structs.replace(
            stage,
            inputs_at={file.text: str(self._places[_key(file)]) for file in own if file.text},
            files={file.name: str(self._places[_key(file)]) for file in own if not file.text},
        )

    def _settle(self) -> None:
        """What is whole has its place; a file that two stages call by two names has two."""
        while self._lacking and self._lacking[0].is_whole:
            fetch = self._lacking.popleft()
            for file in self._files:
                if file.sha256 == fetch.sha256 and _key(file) not in self._places:
                    path = self._folder / file.sha256 / file.name
                    if path != fetch.path:
                        shutil.copyfile(fetch.path, path)
                    self._places[_key(file)] = path.absolute()

    def _tidy(self) -> None:
        wanted = {file.sha256 for file in self._files}
        for path in self._folder.iterdir() if self._folder.is_dir() else ():
            if path.name.removesuffix(PART) in wanted:
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


def _key(file: LentFile) -> tuple[str, str]:
    return file.sha256, file.name


def _place(file: LentFile) -> Path:
    """Where this machine may have it; only a file that is found by its name lies in the user's folder."""
    return Path(file.place) if file.text else Path(file.place).expanduser()
