"""The journal of a run, OUT/.framewire/journal: the ledger and all else that a resumed run needs.

It begins with what the run is, and continues with the messages that have changed the ledger. When it has grown, it is
written anew with the ledger as it is. Everything in it is committed before a source learns of a mark that follows from
it. It may hold what stages remember of faces: only its owner can read it, and the end of the run empties it.
"""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from framewire.pipeline.disk import sync_folder
from framewire.pipeline.ledger.identity import RunIdentity
from framewire.pipeline.ledger.ledger import KeptStream, Ledger, StreamAccount
from framewire.pipeline.ledger.record_file import NotARecordFileError, RecordFile, records_in
from framewire.pipeline.seen.figures import SourceFigures
from framewire.pipeline.unfinished import FOLDER
from framewire.pipeline.wire.message import Checkpoint, Condemned, CutShort, Settle, StreamOpened

NAME = "journal"
GENERATION = 1
"""Grows with each change of the graph in a run."""
COMPACT_BYTES = 2**20
COMPACT_GROWTH = 8
"""The journal is written anew when it is a megabyte longer than, and eight times as long as, the ledger in it."""

log = logging.getLogger("framewire")


class Begun(Struct, frozen=True, array_like=True, tag=101):
    """The first record. `wall` and `monotonic` are one moment by both clocks, in seconds; `run` is the run's id."""

    generation: int
    identity: RunIdentity
    wall: float
    monotonic: float
    run: str = ""


class Kept(Struct, frozen=True, array_like=True, tag=102):
    """The whole state, instead of the records that led to it."""

    streams: list[KeptStream]
    chosen: dict[str, dict[str, str]]
    condemned: list[Condemned]
    cut_short: list[str]
    is_stopped: bool
    seen: dict[str, dict[str, SourceFigures]]
    seconds: float


class Chose(Struct, frozen=True, array_like=True, tag=103):
    """What a stage has chosen for itself where its options say `auto`."""

    stage: str
    chosen: dict[str, str]


class Condemn(Struct, frozen=True, array_like=True, tag=104):
    """A frame that a stage must not touch again."""

    frame: Condemned


class Progress(Struct, frozen=True, array_like=True, tag=105):
    """What a worker's sources have seen, by stream, and how many seconds the run has taken."""

    worker: str
    seen: dict[str, SourceFigures]
    seconds: float


class Stopped(Struct, frozen=True, array_like=True, tag=106):
    """The run was told to stop: streams end from now on because of that."""


class Died(Struct, frozen=True, array_like=True, tag=108):
    """A worker of a stage has died: its memories beyond the mark are void."""

    stage: str


class Ended(Struct, frozen=True, array_like=True, tag=107):
    """Every stream has come to its own end, and every file is finished."""


Record = (
    Begun | Kept | Chose | Condemn | Progress | Stopped | Died | Ended | Settle | Checkpoint | StreamOpened | CutShort
)
_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Record] = msgspec.msgpack.Decoder(Record)


class JournalError(ValueError):
    """The journal cannot be read; the text says why."""


class RunState:
    """What a journal says, and what the next record changes."""

    def __init__(self, begun: Begun, ledger: Ledger) -> None:
        self.begun = begun
        self.ledger = ledger
        self.chosen: dict[str, dict[str, str]] = {}
        self.condemned: list[Condemned] = []
        self.cut_short: list[str] = []
        self.is_stopped = False
        self.seen: dict[str, dict[str, SourceFigures]] = {}
        self.seconds = 0.0
        self.has_ended = False

    def take(self, record: Record) -> StreamAccount | None:
        """Apply a record; returns the account of a stream whose mark has moved.

        Raises KeyError if it names a sink, stage or stream that the run does not have.
        """
        match record:
            case Settle():
                return self.ledger.settle(record)
            case Checkpoint():
                return self.ledger.checkpoint(record)
            case StreamOpened():
                self.ledger.opened(record)
            case CutShort():
                self.cut_short.append(record.stage)
            case Kept():
                self.ledger.restore(record.streams)
                self.chosen, self.condemned = record.chosen, record.condemned
                self.cut_short, self.is_stopped = record.cut_short, record.is_stopped
                self.seen, self.seconds = record.seen, record.seconds
            case Chose():
                self.chosen[record.stage] = record.chosen
            case Condemn():
                self.condemned.append(record.frame)
            case Progress():
                self.seen[record.worker], self.seconds = record.seen, record.seconds
            case Stopped():
                self.is_stopped = True
            case Died():
                self.ledger.stage_died(record.stage)
            case Ended():
                self.has_ended = True
            case Begun():
                self.begun = record
        return None

    def replay(self, records: Iterator[Record]) -> None:
        """Apply what a journal holds. Raises JournalError, OSError."""
        try:
            for record in records:
                self.take(record)
        except KeyError as error:
            raise JournalError(f"the journal names {error}, which the run does not have") from error

    def snapshot(self) -> list[Record]:
        """Records that lead to the same state."""
        kept = Kept(
            self.ledger.kept(),
            *(self.chosen, self.condemned, self.cut_short, self.is_stopped),
            *(self.seen, self.seconds),
        )
        return [self.begun, kept]


class Journal:
    """Writes a run's journal. A disk that does not take it ends the ability to resume the run, not the run.

    Example:
        journal = Journal(Path("out"), RunState(begun, ledger), to_disk=False)
        journal.add(settle)     # changes the state, too
        journal.commit()        # only now may a source learn of it
    """

    def __init__(self, out: Path, state: RunState, to_disk: bool) -> None:
        """Begin a journal with this state; one that is there is replaced."""
        self.state = state
        self._path = out / FOLDER / NAME
        self._to_disk = to_disk
        self._file: RecordFile | None = None
        self._limit = 0
        self._is_kept = True
        self._try(self._write_anew)

    @property
    def is_kept(self) -> bool:
        """Whether the journal is on disk."""
        return self._is_kept

    def add(self, record: Record) -> StreamAccount | None:
        """Apply a record to the state, and keep it for the next commit. See RunState.take."""
        if self._file is not None:
            self._file.add(_encoder.encode(record))
        return self.state.take(record)

    def commit(self) -> None:
        """Write what was added."""
        if self._file is not None:
            self._try(self._file.commit)
        if self._file is not None and self._file.size > self._limit:
            self._try(self._write_anew)

    def end(self) -> None:
        """Keep only that the run has ended."""
        self.state.take(Ended())
        if self._file is not None:
            self._try(self._write_end)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write_anew(self) -> None:
        self._replace(self.state.snapshot())

    def _write_end(self) -> None:
        self._replace([self.state.begun, Ended()])

    def _replace(self, records: list[Record]) -> None:
        unfinished = self._path.with_name(f"{NAME}.new")
        file = RecordFile(unfinished, self._to_disk)
        try:
            for record in records:
                file.add(_encoder.encode(record))
            file.commit()
            unfinished.replace(self._path)
            if self._to_disk:
                sync_folder(self._path.parent)
        except OSError:
            file.close()
            unfinished.unlink(missing_ok=True)
            raise
        self.close()
        self._file = file
        self._limit = max(file.size + COMPACT_BYTES, COMPACT_GROWTH * file.size)

    def _try(self, write: Callable[[], None]) -> None:
        try:
            write()
        except OSError as error:
            log.warning("%s: %s; this run can no longer be resumed", self._path, error.strerror)
            self._is_kept = False
            self.close()
            try:
                self._path.unlink(missing_ok=True)
            except OSError:
                log.warning("%s cannot be deleted: delete it before the next --resume", self._path)


def forget_journal(out: Path) -> None:
    """The last run in `out` can no longer be resumed. Raises OSError."""
    (out / FOLDER / NAME).unlink(missing_ok=True)


def read_journal(out: Path) -> tuple[Begun, Iterator[Record]] | None:
    """What the last run in `out` was, and the records that follow; None if there is no journal.

    Raises JournalError, OSError, the iterator too.
    """
    path = out / FOLDER / NAME
    if not path.exists():
        return None
    records = _read(path)
    begun = next(records, None)
    if begun is None:
        return None
    if not isinstance(begun, Begun):
        raise JournalError(f"{path} does not begin as a journal does")
    return begun, records


def _read(path: Path) -> Iterator[Record]:
    try:
        for raw in records_in(path):
            yield _decoder.decode(raw)
    except (NotARecordFileError, msgspec.DecodeError) as error:
        raise JournalError(str(error)) from error
