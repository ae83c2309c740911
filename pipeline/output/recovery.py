"""What killed runs left in an output folder is made whole, under names that no later run replaces.

Each file is finished by its sink's class, in a process of its own. Call it under the folder's lock, before any thread.
"""

import os
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import msgspec
from msgspec import Struct

from framewire.pipeline.graph.path_template import PathTemplate
from framewire.pipeline.graph.spec import PipelineSpec
from framewire.pipeline.ledger.journal import forget_journal
from framewire.pipeline.option import check_values
from framewire.pipeline.output.ownership import is_in_use
from framewire.pipeline.processes.apart import ApartError, call_apart
from framewire.pipeline.registry import UnknownStageError, find_stage, known_stages
from framewire.pipeline.stage import Sink, StageError
from framewire.pipeline.unfinished import (
    FOLDER,
    LOCK,
    SUFFIX,
    UnfinishedFile,
    forget,
    numbered,
    save_unfinished,
    take_name_back,
    unfinished_in,
)
from framewire.pipeline.user_modules import look_beside

PART = ".part"
"""A file `NAME` grows as `.NAME.part`, unless it grows under its own name."""


class Recovered(Struct, frozen=True):
    """A file that was made whole: `frames` are those in it, None if unknown; if it is 0, there is no file."""

    path: Path
    frames: int | None

    def __str__(self) -> str:
        if self.frames is None:
            return str(self.path)
        return f"{self.path} ({self.frames} frames)" if self.frames else f"nothing for {self.path}"


class RecoveryError(Exception):
    """A file cannot be made whole; the text says which, why, and what to do. It is as it was."""


class _Answer(Struct):
    frames: int | None = None
    error: str = ""


def recover(out: Path, strays: Iterable[UnfinishedFile] = ()) -> Iterator[Recovered]:
    """Make whole all files on the lists of `out`, then the `strays`, which are on none.

    From now on, the run that left them cannot be resumed. Raises RecoveryError, OSError; what was recovered before
    stays so.
    """
    forget_journal(out)
    for path in sorted((out / FOLDER).glob(f"*{SUFFIX}")):
        try:
            files = unfinished_in(path)
        except msgspec.DecodeError as error:
            raise RecoveryError(f"{path} cannot be read ({error}); delete it to go on without") from error
        while files:
            yield from _recover(out, files[0])
            del files[0]
            save_unfinished(path, files)
    for stray in strays:
        yield from _recover(out, stray)
    forget(out, but=frozenset({LOCK}))


def strays_of(spec: PipelineSpec, out: Path) -> Iterator[UnfinishedFile]:
    """The growing files by the names that this pipeline would give them: of killed runs of an older version."""
    for stage in spec.stages:
        if stage.kind != "sink":
            continue
        cls = find_stage(stage.use)
        for template in cls.outputs(check_values(cls.Options, stage.options)):
            name = Path(template).name
            if name.startswith(".") and name.endswith(PART):
                one_of_many = "{start" in template or "{part" in template
                for growing in PathTemplate(str(out.resolve() / template)).existing():
                    yield _stray(stage.use, spec.folder, growing, one_of_many)


def strays_under(folder: Path) -> Iterator[UnfinishedFile]:
    """The growing files anywhere under a folder that a known sink says it wrote."""
    sinks = {name: cls for name in known_stages() if issubclass(cls := find_stage(name), Sink)}
    for growing in sorted(folder.rglob(f".*{PART}")):
        for name, cls in sinks.items():
            if growing.is_file() and cls.wrote(growing):
                yield _stray(name, ".", growing.resolve(), False)
                break


def _stray(use: str, folder: str, growing: Path, among_many: bool) -> UnfinishedFile:
    target = growing.with_name(growing.name.removeprefix(".").removesuffix(PART))
    return UnfinishedFile(use, folder, str(growing), str(target), among_many=among_many)


def _recover(out: Path, file: UnfinishedFile) -> Iterator[Recovered]:
    growing, target = Path(out, file.growing), Path(out, file.target)
    earlier = Path(out, file.earlier) if file.earlier else None
    if Path(file.growing).is_absolute() and is_in_use(target, out):
        # Another run writes it now, and has dealt with what was there.
        return
    if file.made:
        growing.unlink(missing_ok=True)
        return
    if earlier is not None and not earlier.exists():
        # The file of that name is whole: it was not set aside yet, or is back, or the new one was finished.
        return
    if file.named and (growing.exists() or Path(out, file.named).exists()):
        # It keeps the name that it got when its run was stopped.
        named = Path(out, file.named)
        take_name_back(out, file)
        try:
            yield _finish(file, growing, named)
        except RecoveryError:
            if growing != named:
                growing.replace(named)
            raise
    elif growing.exists():
        has_its_name = file.among_many and (growing == target or not target.exists())
        yield _finish(file, growing, target if has_its_name else numbered(target))
    if earlier is not None and not target.exists():
        earlier.replace(target)


def _finish(file: UnfinishedFile, growing: Path, target: Path) -> Recovered:
    last_written = growing.stat()
    try:
        answer = msgspec.msgpack.decode(call_apart(partial(_finish_here, file, growing, target)), type=_Answer)
    except ApartError as error:
        answer = _Answer(error=str(error))
    if answer.error:
        raise RecoveryError(
            f"a run that was cut short left {target if file.named else growing}, which cannot be made whole: "
            f"{answer.error}; cure that, or move the file elsewhere"
        )
    if target.exists():
        # Limits on disk use go by age.
        os.utime(target, ns=(last_written.st_atime_ns, last_written.st_mtime_ns))
    return Recovered(target, answer.frames)


def _finish_here(file: UnfinishedFile, growing: Path, target: Path) -> bytes:
    try:
        look_beside(file.folder)
        cls = find_stage(file.use)
        if not issubclass(cls, Sink):
            raise StageError(f"{file.use} is no sink")
        answer = _Answer(cls.recover(growing, target))
    except OSError as error:
        answer = _Answer(error=f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except (StageError, UnknownStageError) as error:
        answer = _Answer(error=str(error))
    except Exception as error:
        answer = _Answer(error=f"{type(error).__name__}: {error}")
    return msgspec.msgpack.encode(answer)
