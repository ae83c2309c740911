"""What goes to the agents of a run beside its spec: the user's modules, and the files that stages there read."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from framewire.pipeline.graph.spec import PipelineSpec, StageSpec
from framewire.pipeline.input_path import placed
from framewire.pipeline.line.lent_file import FileChangedError, FileHere, LentFile, file_here
from framewire.pipeline.line.modules import Module, modules_of
from framewire.pipeline.option import check_values
from framewire.pipeline.registry import find_stage
from framewire.pipeline.stage import StageError


class FilesError(Exception):
    """The files of a stage cannot be told; the text says which, and why."""


class Luggage(Struct, frozen=True):
    """Frozen when the run starts: `files` are those of each machine, `here` all of them, by their hash."""

    modules: tuple[Module, ...] = ()
    files: Mapping[str, tuple[LentFile, ...]] = {}
    here: Mapping[str, FileHere] = {}

    def for_machine(self, machine: str) -> tuple[LentFile, ...]:
        """What its stages read."""
        return self.files.get(machine, ())

    def here_of(self, machine: str) -> Iterable[FileHere]:
        """Likewise, as they are here."""
        return (self.here[file.sha256] for file in self.for_machine(machine))


def luggage_of(spec: PipelineSpec) -> Luggage:
    """Of a checked pipeline: each file is read once. Raises ModulesError, FilesError, OSError."""
    modules = modules_of(spec)
    read: dict[Path, FileHere] = {}
    files: dict[str, list[LentFile]] = {}
    for stage in spec.stages:
        if not stage.machine:
            continue
        for text, path, place in _named(stage):
            if path not in read:
                try:
                    read[path] = file_here(path)
                except FileChangedError as error:
                    raise FilesError(str(error)) from error
            known = read[path]
            lent = LentFile(stage.name, text, path.name, place, known.sha256, known.size)
            for machine in stage.shared_by or (stage.machine,):
                files.setdefault(machine, []).append(lent)
    here = {known.sha256: known for known in read.values()}
    return Luggage(modules, {machine: tuple(own) for machine, own in files.items()}, here)


def _named(stage: StageSpec) -> Iterator[tuple[str, Path, str]]:
    """What names each file in the options, if something does; where it is here; and where it may be there."""
    for text, place in stage.inputs_at.items():
        if Path(place).is_file():
            yield text, Path(place), text
    cls = find_stage(stage.use)
    try:
        options = check_values(cls.Options, placed(cls.Options, stage.options, stage.inputs_at))
        found = [Path(path).absolute() for path in cls.files(options)]
    except StageError as error:
        raise FilesError(f"{stage.name}: {error}") from error
    except Exception as error:
        # An author's code.
        raise FilesError(f"{stage.name}: {type(error).__name__}: {error}") from error
    names = [path.name for path in dict.fromkeys(found)]
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise FilesError(f"{stage.name}: `files` gives two files {twice}; they are told apart by name alone")
    for path in found:
        yield "", path, _from_home_folder(path)


def _from_home_folder(path: Path) -> str:
    """The path as `~/...`, if it is in the user's folder: on another machine that may be elsewhere."""
    folder = Path.home()
    return f"~/{path.relative_to(folder)}" if path.is_relative_to(folder) else str(path)
