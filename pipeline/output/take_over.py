"""A run takes its output folder over: from nobody, or from a run that has ended or was killed."""

import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from framewire.pipeline.disk import replace_file
from framewire.pipeline.graph import PipelineSpec
from framewire.pipeline.graph.path_template import PathTemplate
from framewire.pipeline.ledger.bookkeeping import Bookkeeping, OtherRunError
from framewire.pipeline.ledger.identity import RunIdentity, identity_of
from framewire.pipeline.ledger.journal import NAME, JournalError
from framewire.pipeline.output.drive import absent_drive
from framewire.pipeline.output.ownership import OwnedError, Ownership, Tenant
from framewire.pipeline.output.recovery import Recovered, RecoveryError, recover, strays_of, strays_under
from framewire.pipeline.stage import StageError
from framewire.pipeline.unfinished import FOLDER, UnfinishedFile

TENANT = "tenant"
"""In the engine's folder: whose part of which run has written here last."""


class TakeOverError(Exception):
    """The folder cannot be had. `is_wrong`: it, or the run, was named wrongly; else it could not be written to."""

    def __init__(self, text: str, is_wrong: bool) -> None:
        """`text` names the place and the cure."""
        super().__init__(text)
        self.is_wrong = is_wrong


class NothingToResumeError(Exception):
    """The run in the folder has ended."""


class OwnFolder:
    """An output folder that is ours: `news` are lines for the log about what was found in it."""

    def __init__(self, name: str, out: Path, files: list[Path], tenant: Tenant | None = None) -> None:
        """Keep other runs out of it, and of these files. Raises TakeOverError."""
        self.news: list[str] = []
        self._ownership = _own(name, out, files, tenant)

    @property
    def locks(self) -> list[int]:
        """The descriptors by which the folder is ours."""
        return self._ownership.held

    def release(self) -> None:
        """The run is over."""
        self._ownership.release()

    def _finish(self, out: Path, strays: Iterable[UnfinishedFile]) -> None:
        """Make whole what a killed run has left."""
        for recovered in _recovered(out, strays):
            self.news.append(f"an earlier run was killed; what it had written is in {recovered}")


class TakenOver(OwnFolder):
    """The output folder of a run."""

    def __init__(self, spec: PipelineSpec, out: Path, resume: bool) -> None:
        """Finish what a killed run has left, or, with `resume`, go on with it.

        Raises TakeOverError; NothingToResumeError if that run has ended.
        """
        super().__init__(spec.name, out, [Path(path) for path in spec.outputs])
        try:
            identity = _identity(spec, must_be=resume)
            books = self._resumed(spec, out, identity) if resume and identity is not None else None
            self.books = books or self._begun(spec, out, identity)
        except BaseException:
            self.release()
            raise

    def _resumed(self, spec: PipelineSpec, out: Path, identity: RunIdentity) -> Bookkeeping | None:
        cure = "run without --resume to begin anew, or write elsewhere with --out"
        try:
            books = Bookkeeping.resumed(spec, out, identity)
        except (OtherRunError, JournalError, OSError) as error:
            raise TakeOverError(f"the run in {out} cannot be resumed: {error}; {cure}", is_wrong=True) from error
        if books is None:
            self.news.append(f"there is no run to resume in {out}: beginning anew")
            return None
        if books.has_ended:
            raise NothingToResumeError(f"the run in {out} has ended: there is nothing to resume")
        begun = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(books.begun_at))
        settled = sum(account.settled for account in books.ledger.streams.values())
        self.news.append(f"resuming the run of {begun} behind {settled} frames")
        return books

    def _begun(self, spec: PipelineSpec, out: Path, identity: RunIdentity | None) -> Bookkeeping:
        self._finish(out, strays_of(spec, out))
        return Bookkeeping(spec, out, identity)


class LentFolder(OwnFolder):
    """An agent's output folder, ours for one run whose journal is on another machine."""

    def __init__(self, spec: PipelineSpec, tenant: Tenant, out: Path, continues: bool, must_be_here: bool) -> None:
        """Finish what a killed run has left there, unless this one `continues` from it.

        `must_be_here`: this part of the run has been at work, so its files must be here. Raises TakeOverError.
        """
        machine = tenant.machine
        files = [PathTemplate(str((out / path).absolute())).name_for_all for path in spec.outputs_on[machine]]
        super().__init__(spec.name, out, files, tenant)
        try:
            self._look_for_own(spec, tenant, out, must_be_here)
            if not continues:
                # Only what lists name: looking at every file would load every stage, and the lease runs.
                self._finish(out, ())
            replace_file(out / FOLDER / TENANT, msgspec.json.encode(tenant))
        except OSError as error:
            self.release()
            raise TakeOverError(f"{error.filename or out}: {error.strerror}", is_wrong=False) from error
        except BaseException:
            self.release()
            raise

    def _look_for_own(self, spec: PipelineSpec, tenant: Tenant, out: Path, must_be_here: bool) -> None:
        """Raises TakeOverError where sinks would begin in the middle, since what they have written is elsewhere."""
        path = out / FOLDER / TENANT
        try:
            is_here = msgspec.json.decode(path.read_bytes(), type=Tenant) == tenant
        except (FileNotFoundError, msgspec.DecodeError):
            is_here = False
        has_sinks = any(stage.kind == "sink" and stage.machine == tenant.machine for stage in spec.stages)
        if must_be_here and has_sinks and not is_here:
            raise TakeOverError(
                f"{out.absolute()} has nothing of this run, though {tenant.machine} has written files: end this agent, "
                "start one where they are, and go on with `framewire run --resume`",
                is_wrong=True,
            )


class Leftovers:
    """What a killed run has left in a folder, to be made whole; after that the run can no longer be resumed."""

    def __init__(self, folder: Path) -> None:
        """Raises TakeOverError for a folder that is not there, or that another run has."""
        if not folder.is_dir():
            raise TakeOverError(f"there is no folder {folder}", is_wrong=True)
        self.had_journal = (folder / FOLDER / NAME).exists()
        self._folder = folder

    def recover(self) -> Iterator[Recovered]:
        """The files, made whole one by one. Raises TakeOverError at the first that cannot be."""
        ownership = _own("recover", self._folder, [])
        try:
            yield from _recovered(self._folder, strays_under(self._folder))
        finally:
            ownership.release()


def _recovered(out: Path, strays: Iterable[UnfinishedFile]) -> Iterator[Recovered]:
    try:
        yield from recover(out, strays)
    except RecoveryError as error:
        raise TakeOverError(str(error), is_wrong=False) from error
    except OSError as error:
        raise TakeOverError(f"{error.filename or out}: {error.strerror}", is_wrong=False) from error


def _own(name: str, out: Path, files: list[Path], tenant: Tenant | None = None) -> Ownership:
    """Keep other runs out of these files."""
    for path in (out.resolve() / FOLDER, *files):
        if (place := absent_drive(path)) is not None:
            raise TakeOverError(f"cannot write to {path}: no drive is mounted at {place}", is_wrong=True)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TakeOverError(f"cannot create folder {out} (--out): {error.strerror}", is_wrong=False) from error
    try:
        return Ownership(name, out, files, tenant)
    except OwnedError as error:
        raise TakeOverError(str(error), is_wrong=True) from error
    except OSError as error:
        where = error.filename or out
        text = f"cannot write to {where}: {error.strerror}; set another folder with --out"
        raise TakeOverError(text, is_wrong=False) from error


def _identity(spec: PipelineSpec, must_be: bool) -> RunIdentity | None:
    """What the run is; None if it cannot be resumed, which is an error if it `must_be`."""
    try:
        return identity_of(spec)
    except (StageError, OSError) as error:
        if must_be:
            raise TakeOverError(f"this run cannot be resumed: {error}; run without --resume", is_wrong=True) from error
        return None
