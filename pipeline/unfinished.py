"""Files that grow: a list on disk of those that a sink has begun and not finished, for the case that it is killed.

The list lies in the engine's folder of the output folder. A later run makes every file on it whole before it writes.
"""

import os
import re
from pathlib import Path

import msgspec
from msgspec import Struct

from framewire.pipeline.disk import replace_file

FOLDER = ".framewire"
"""In an output folder: what belongs to the engine."""
LOCK = "lock"
"""In the engine's folder: the file by which a run owns the output folder."""
SUFFIX = ".unfinished"


class UnfinishedFile(Struct, frozen=True):
    """A file that grows as `growing` and is called `target` once it is whole; paths are absolute or relative to OUT.

    `use` is the sink's class as in YAML, `folder` that of the YAML file. `earlier` is where the file of an earlier run
    is kept until this one is whole. `among_many` says that no other run writes a file of that name. `made` says that
    `target` exists, and `growing` is kept only in case this run is resumed. `named` is where it is now, as it is: the
    run was stopped before it was whole.
    """

    use: str
    folder: str
    growing: str
    target: str
    earlier: str = ""
    among_many: bool = False
    made: bool = False
    named: str = ""


class Unfinished:
    """One sink's unfinished files.

    Example:
        unfinished = Unfinished(Path("out"), "video", "video_writer", ".")
        unfinished.begin(Path("out/.v.mp4.part"), Path("out/v.mp4"))
        ...                                    # killed here, the next run finds and finishes it
        unfinished.done(Path("out/.v.mp4.part"))
    """

    def __init__(self, out: Path, stage: str, use: str = "", folder: str = ".", resumed: bool = False) -> None:
        """With `resumed`, continue the list that a dead worker, or a stopped run, has left. Raises OSError."""
        self._out = out
        self._path = out / FOLDER / f"{stage}{SUFFIX}"
        self._use = use
        self._folder = folder
        self._files: dict[str, UnfinishedFile] = {}
        if resumed and self._path.exists():
            self._files = {file.growing: take_name_back(out, file) for file in unfinished_in(self._path)}
        growing = [Path(out, name) for name, file in self._files.items() if not file.made]
        self.gone = [path for path in growing if not path.exists()]
        """Files that somebody has moved or deleted while nobody wrote them."""

    def begin(self, growing: Path, target: Path, among_many: bool = False) -> None:
        """Call before `growing` is created. Raises OSError."""
        name = self._name(growing)
        if name not in self._files:
            self._files[name] = UnfinishedFile(self._use, self._folder, name, self._name(target), among_many=among_many)
            self._save()

    def grow(self, path: Path, among_many: bool = False, is_ours: bool = False) -> None:
        """Call before creating or reopening a file that grows under its own name; `is_ours` if this run began it.

        Another file of that name, from an earlier run, is set aside, and goes once this run has ended well.
        Raises OSError.
        """
        if path.exists() and not path.is_file():
            # A device or a pipe: nothing of it is ours.
            return
        name, earlier = self._name(path), aside(path)
        known = self._files.get(name)
        if known is None:
            replaced = self._name(earlier) if path.exists() and not is_ours else ""
            known = UnfinishedFile(self._use, self._folder, name, name, replaced, among_many)
            self._files[name] = known
            self._save()
            if known.earlier:
                path.replace(earlier)
        elif known.earlier and not earlier.exists():
            # A worker died between noting it and doing it.
            path.replace(earlier)

    def made(self, growing: Path) -> None:
        """The file is whole under its own name; `growing` stays until `done`. Raises OSError."""
        name = self._name(growing)
        if name in self._files:
            self._files[name] = msgspec.structs.replace(self._files[name], made=True)
            self._save()

    def done(self, growing: Path) -> None:
        """The file is whole, and `growing` is gone, or is the file itself. Raises OSError."""
        file = self._files.pop(self._name(growing), None)
        if file is None:
            return
        if file.earlier:
            # First: if we are killed in between, its absence says that the file of that name is whole.
            Path(self._out, file.earlier).unlink(missing_ok=True)
        self._save()

    def complete(self) -> None:
        """The run has ended well, and so has every file. Raises OSError."""
        for name, file in list(self._files.items()):
            if file.made:
                Path(self._out, name).unlink(missing_ok=True)
            self.done(Path(self._out, name))

    def name_as_they_are(self) -> list[Path]:
        """The run was stopped before these files were whole, and nobody writes them: let people find them.

        Each gets its name, or a free number with it, until the run goes on or somebody makes it whole; what was left of
        making it so goes. Returns the new names. Raises OSError.
        """
        named = []
        for name, file in self._files.items():
            growing, target = Path(self._out, name), Path(self._out, file.target)
            making_of(target).unlink(missing_ok=True)
            if file.made or file.earlier or not (growing.is_file() and growing.stat().st_size):
                continue
            path = numbered(target) if target.exists() and growing != target else target
            self._files[name] = msgspec.structs.replace(file, named=self._name(path))
            self._save()
            if growing != path:
                growing.replace(path)
                named.append(path)
        return named

    def _name(self, path: Path) -> str:
        return str(path.relative_to(self._out) if path.is_relative_to(self._out) else path.absolute())

    def _save(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        save_unfinished(self._path, list(self._files.values()))


def take_name_back(out: Path, file: UnfinishedFile) -> UnfinishedFile:
    """A file that `name_as_they_are` has named grows again. Raises OSError if it is gone."""
    if not file.named:
        return file
    growing, named = Path(out, file.growing), Path(out, file.named)
    if not growing.exists():
        # Else somebody was killed between noting the name and giving it.
        named.replace(growing)
    return msgspec.structs.replace(file, named="")


def making_of(target: Path) -> Path:
    """Where a file is made whole that is then renamed to `target`."""
    return target.with_name(f".{target.stem}.unfinished{target.suffix}")


def save_unfinished(path: Path, files: list[UnfinishedFile]) -> None:
    """Write a list, or remove it if it is empty. Raises OSError."""
    if files:
        replace_file(path, msgspec.json.Encoder().encode_lines(files))
    else:
        path.unlink(missing_ok=True)


def unfinished_in(path: Path) -> list[UnfinishedFile]:
    """The files on a list. Raises OSError, msgspec.DecodeError."""
    return [msgspec.json.decode(line, type=UnfinishedFile) for line in path.read_bytes().splitlines()]


def forget(out: Path, but: frozenset[str]) -> None:
    """Remove what the engine has kept of a run in `out`, except files of these names. Raises OSError.

    What is in folders of its own outlives runs: messages that wait to be sent, for one.
    """
    for path in (out / FOLDER).iterdir():
        if path.name not in but and not path.is_dir():
            path.unlink()


def aside(path: Path) -> Path:
    """Where an earlier run's file is kept while this run writes one of the same name."""
    return path.with_name(f".{path.name}.earlier")


def numbered(path: Path) -> Path:
    """The path with the next free number before its suffix: `v-1.mp4`, or one more than the highest there."""
    pattern = re.compile(rf"\.?{re.escape(path.stem)}-(\d+){re.escape(path.suffix)}(\.part)?")
    names = os.listdir(path.parent) if path.parent.is_dir() else []  # noqa: PTH208
    highest = max((int(found[1]) for name in names if (found := pattern.fullmatch(name))), default=0)
    return path.with_name(f"{path.stem}-{highest + 1}{path.suffix}")
