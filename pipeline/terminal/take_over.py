"""A run takes its output folder over: from nobody, or from a run that has ended or was killed."""

import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import typer

from framewire.pipeline.graph import PipelineSpec
from framewire.pipeline.ledger.bookkeeping import Bookkeeping, OtherRunError
from framewire.pipeline.ledger.identity import RunIdentity, identity_of
from framewire.pipeline.ledger.journal import NAME, JournalError
from framewire.pipeline.output.drive import absent_drive
from framewire.pipeline.output.ownership import OwnedError, Ownership
from framewire.pipeline.output.recovery import Recovered, RecoveryError, recover, strays_of, strays_under
from framewire.pipeline.stage import StageError
from framewire.pipeline.terminal.exit_code import FAILED, WRONG
from framewire.pipeline.unfinished import FOLDER, UnfinishedFile


class TakenOver:
    """An output folder that is ours: `news` are lines for the log about what was found in it."""

    def __init__(self, spec: PipelineSpec, out: Path, resume: bool) -> None:
        """Finish what a killed run has left, or, with `resume`, go on with it. Exits if that cannot be."""
        self.news: list[str] = []
        self._ownership = _own(spec.name, out, [Path(path) for path in spec.outputs])
        identity = _identity(spec, must_be=resume)
        books = self._resumed(spec, out, identity) if resume and identity is not None else None
        self.books = books or self._begun(spec, out, identity)

    @property
    def locks(self) -> list[int]:
        """The descriptors by which the folder is ours."""
        return self._ownership.held

    def release(self) -> None:
        """The run is over."""
        self._ownership.release()

    def _resumed(self, spec: PipelineSpec, out: Path, identity: RunIdentity) -> Bookkeeping | None:
        cure = "run without --resume to begin anew, or write elsewhere with --out"
        try:
            books = Bookkeeping.resumed(spec, out, identity)
        except (OtherRunError, JournalError, OSError) as error:
            raise _exit(f"the run in {out} cannot be resumed: {error}; {cure}", WRONG) from error
        if books is None:
            self.news.append(f"there is no run to resume in {out}: beginning anew")
            return None
        if books.has_ended:
            typer.echo(f"the run in {out} has ended: there is nothing to resume")
            self.release()
            raise typer.Exit
        begun = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(books.begun_at))
        settled = sum(account.settled for account in books.ledger.streams.values())
        self.news.append(f"resuming the run of {begun} behind {settled} frames")
        return books

    def _begun(self, spec: PipelineSpec, out: Path, identity: RunIdentity | None) -> Bookkeeping:
        for recovered in _recovered(out, strays_of(spec, out)):
            self.news.append(f"an earlier run was killed; what it had written is in {recovered}")
        return Bookkeeping(spec, out, identity)


def recover_folder(
    folder: Path = typer.Argument(help="The output folder of the run", show_default=False),  # noqa: B008
) -> None:
    """Finish the files that a killed run has left in its output folder. The run can then no longer be resumed."""
    if not folder.is_dir():
        raise _exit(f"there is no folder {folder}", WRONG)
    had_journal = (folder / FOLDER / NAME).exists()
    ownership = _own("recover", folder, [])
    count = 0
    try:
        for recovered in _recovered(folder, strays_under(folder)):
            typer.echo(str(recovered))
            count += 1
    finally:
        ownership.release()
    if not count:
        typer.echo(f"there is no unfinished file in {folder}")
    elif had_journal:
        typer.echo("the run that wrote them can no longer be resumed")


def _recovered(out: Path, strays: Iterable[UnfinishedFile]) -> Iterator[Recovered]:
    """What killed runs have left, made whole one by one. Exits at the first that cannot be."""
    try:
        yield from recover(out, strays)
    except RecoveryError as error:
        raise _exit(str(error), FAILED) from error
    except OSError as error:
        raise _exit(f"{error.filename or out}: {error.strerror}", FAILED) from error


def _own(name: str, out: Path, files: list[Path]) -> Ownership:
    """Keep other runs out of these files."""
    for path in (out.resolve() / FOLDER, *files):
        if (place := absent_drive(path)) is not None:
            raise _exit(f"cannot write to {path}: no drive is mounted at {place}", WRONG)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _exit(f"cannot create folder {out} (--out): {error.strerror}", FAILED) from error
    try:
        return Ownership(name, out, files)
    except OwnedError as error:
        raise _exit(str(error), WRONG) from error
    except OSError as error:
        where = error.filename or out
        raise _exit(f"cannot write to {where}: {error.strerror}; set another folder with --out", FAILED) from error


def _identity(spec: PipelineSpec, must_be: bool) -> RunIdentity | None:
    """What the run is; None if it cannot be resumed, which is an error if it `must_be`."""
    try:
        return identity_of(spec)
    except (StageError, OSError) as error:
        if must_be:
            raise _exit(f"this run cannot be resumed: {error}; run without --resume", WRONG) from error
        return None


def _exit(text: str, code: int) -> typer.Exit:
    typer.echo(f"error: {text}", err=True)
    return typer.Exit(code)
