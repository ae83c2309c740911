"""One run at a time for an output folder, and for each file that a sink writes elsewhere: locks that die with the run.

An flock belongs to the open file, which forked processes share and executed ones do not get: it is held until the last
worker of a run is gone, however the run ended, so no other run begins while a dying worker still writes.

On storage that several machines share, a lock of a machine that is gone may stay, or be seen by nobody else: so a lock
names its machine. There a run's own part follows itself by its lease alone (see Tenant).
"""

import fcntl
import os
import socket
import time
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import msgspec
from msgspec import Struct

from framewire.pipeline.disk import is_still_at
from framewire.pipeline.graph.path_template import PathTemplate
from framewire.pipeline.processes.signals import is_running
from framewire.pipeline.unfinished import FOLDER, LOCK

DYING_S = 3.0
"""How long the workers of a killed run may need to end: the kernel kills them with it."""
LOOK_S = 0.05


class Tenant(Struct, frozen=True):
    """A run's part on another machine: an agent of that name is only sent there once the lease of the last is out."""

    run: str
    machine: str


class Owner(Struct, frozen=True):
    """Who holds a lock: `started` is Unix time, `outputs` are the files it writes, absolute, with fields.

    `boot` is the kernel's name for the time since it started: with another, `pid` means nothing here.
    """

    pipeline: str
    pid: int
    started: float
    outputs: tuple[str, ...] = ()
    host: str = ""
    boot: str = ""
    tenant: Tenant | None = None

    @property
    def is_of_here(self) -> bool:
        """Whether it is, or was, a process of this machine."""
        return self.boot in ("", boot_id())

    def is_followed_by(self, tenant: Tenant | None) -> bool:
        """Whether its lease is out, since the run has let `tenant` take its place on another machine."""
        return tenant is not None and self.tenant == tenant and not self.is_of_here

    def may_write(self, file: Path) -> bool:
        """Whether one of its files may be this one, which may have fields, too."""
        example = PathTemplate(str(file)).example
        return any(str(file) == own or PathTemplate(own).may_be(example) for own in self.outputs)


class OwnedError(Exception):
    """Another run writes there; the text says which, since when, and what to do."""


class Ownership:
    """The locks of one run. Take it before any process is forked.

    Example:
        ownership = Ownership("faces", Path("out"), [Path("/mnt/film.mp4")])    # or OwnedError
        ...
        ownership.release()
    """

    def __init__(self, pipeline: str, out: Path, files: Iterable[Path] = (), tenant: Tenant | None = None) -> None:
        """`files` are absolute, without links, those in `out` among them. Raises OwnedError, OSError."""
        files = list(dict.fromkeys(files))
        outputs = tuple(map(str, files))
        self._owner = Owner(pipeline, os.getpid(), time.time(), outputs, socket.gethostname(), boot_id(), tenant)
        self.held: list[int] = []
        """Descriptors of the locks: whoever has them open holds them."""
        self._beside: list[Path] = []
        try:
            (out / FOLDER).mkdir(parents=True, exist_ok=True)
            self._take(out / FOLDER / LOCK, f"the output folder {out}")
            own = out.resolve()
            for file in files:
                self._look_above(file, own)
                self._take_file(file, file.is_relative_to(own))
        except (OwnedError, OSError):
            self.release()
            raise

    def release(self) -> None:
        """Let others in. The locks beside files go; that of the folder stays, as an empty file."""
        for path in self._beside:
            path.unlink(missing_ok=True)
        for held in self.held:
            os.ftruncate(held, 0)
            os.close(held)
        self.held, self._beside = [], []

    def _look_above(self, file: Path, own: Path) -> None:
        """Raises OwnedError if a folder that the file lies in or under is another run's.

        One around our own folder is only in the way if its run may write this very file.
        """
        for folder in file.parents:
            lock = folder / FOLDER / LOCK
            if folder == own or not lock.exists():
                continue
            owner = _owner_of(lock) if own.is_relative_to(folder) and file.is_relative_to(own) else None
            if owner is None or owner.may_write(file):
                self._look(lock, str(file))

    def _take_file(self, file: Path, is_inside: bool) -> None:
        beside = file.with_name(f".{file.name}.{LOCK}")
        if is_inside:
            # The folder's lock is enough, unless a run with another folder writes here.
            if beside.exists():
                self._look(beside, str(file))
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        self._take(beside, str(file))
        self._beside.append(beside)

    def _look(self, lock: Path, what: str) -> None:
        """Raises OwnedError if another run holds this lock; does not take it."""
        with lock.open("rb") as file:
            self._lock(file.fileno(), fcntl.LOCK_SH, lock, what)

    def _take(self, lock: Path, what: str) -> None:
        while True:
            held = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                self._lock(held, fcntl.LOCK_EX, lock, what)
            except OwnedError:
                os.close(held)
                raise
            if is_still_at(held, lock):
                break
            # Its last owner has removed it between our opening and our locking.
            os.close(held)
        os.ftruncate(held, 0)
        os.pwrite(held, msgspec.json.encode(self._owner), 0)
        self.held.append(held)

    def _lock(self, held: int, kind: int, lock: Path, what: str) -> None:
        for _ in _moments():
            try:
                fcntl.flock(held, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                owner = _owner_of(lock)
                if owner is None or (owner.is_of_here and not is_running(owner.pid)):
                    # Killed a moment ago: its workers are ending.
                    continue
                if owner.is_followed_by(self._owner.tenant):
                    return
                since = time.strftime("%H:%M:%S", time.localtime(owner.started))
                where = "" if owner.is_of_here else f" on {owner.host}"
                raise OwnedError(
                    f"{what} is in use by the run {owner.pipeline!r} (process {owner.pid}{where}) since {since}; "
                    "wait for its end, or write elsewhere with --out"
                ) from None
            return
        raise OwnedError(
            f"{what} is in use by processes of a run that was killed; end them, or write elsewhere with --out"
        )


@cache
def boot_id() -> str:
    """What the kernel calls the time since it started: no other machine has the same."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def is_in_use(file: Path, out: Path) -> bool:
    """Whether a run holds this file, which does not lie in `out`. Raises OSError."""
    locks = [file.with_name(f".{file.name}.{LOCK}"), *(folder / FOLDER / LOCK for folder in file.parents)]
    own = (out / FOLDER / LOCK).resolve()
    for lock in locks:
        if lock.exists() and lock.resolve() != own:
            with lock.open("rb") as opened:
                try:
                    fcntl.flock(opened.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    return True
    return False


def _moments() -> Iterator[None]:
    end = time.monotonic() + DYING_S
    while time.monotonic() < end:
        yield
        time.sleep(LOOK_S)


def _owner_of(lock: Path) -> Owner | None:
    """Who has written its name into a lock; None while it is being written, or never was."""
    try:
        return msgspec.json.decode(lock.read_bytes(), type=Owner)
    except (OSError, msgspec.DecodeError):
        return None
