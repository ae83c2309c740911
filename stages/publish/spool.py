"""The spool: messages on disk between a run and the place that they go to, each until it is safe there.

One SQLite file for each publish stage. A frame and what later choices depend on are committed together, so a process
may be killed at any moment: its successor knows which frames are in, and loses or repeats none.
"""

import sqlite3
import threading
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from framewire.pipeline.seen.published import Published
from framewire.pipeline.stage import StageError
from framewire.pipeline.unfinished import FOLDER as ENGINE_FOLDER
from framewire.stages.publish.places.place import Message

FOLDER = "spool"
"""In the engine's folder of an output folder: it outlives runs."""
SUFFIX = ".sqlite"
LAYOUT = 1
"""The version of the tables."""
ROW_BYTES = 150
"""What a message costs beside its body."""
CHECKPOINT_PAGES = 4000
"""Of the write-ahead log: 16 MB."""
BATCH_BYTES = 4 * 2**20
"""Bodies that are sent at once, about."""
_TABLES = """
CREATE TABLE IF NOT EXISTS messages(
    id INTEGER PRIMARY KEY, run TEXT NOT NULL, stream TEXT NOT NULL, seq INTEGER NOT NULL,
    destination TEXT NOT NULL, key TEXT NOT NULL, at REAL NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS streams(
    run TEXT NOT NULL, stream TEXT NOT NULL, next INTEGER NOT NULL, put INTEGER NOT NULL, memory BLOB NOT NULL,
    PRIMARY KEY(run, stream)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counts(
    run TEXT PRIMARY KEY, found INTEGER NOT NULL, delivered INTEGER NOT NULL DEFAULT 0,
    refused INTEGER NOT NULL DEFAULT 0, dropped INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS origin(pipeline TEXT NOT NULL, stage TEXT NOT NULL, file TEXT NOT NULL);
"""

_PUT = "(SELECT coalesce(sum(put), 0) FROM streams WHERE run = ?)"


class Waiting(Struct, frozen=True):
    """A message in the spool, and its number there: they go out in the order of these."""

    id: int
    message: Message


class Spool:
    """Messages that wait, for one stage. Any thread may call any method.

    Example:
        spool = Spool(Path("out/.framewire/spool/door.alerts.sqlite"), run="7d5e...")
        spool.put(message, next_seq=8, memory=b"")
        waiting = spool.first(500)
        spool.settle(waiting, refused={})       # they are safe elsewhere, and go
    """

    def __init__(self, path: Path, run: str, max_bytes: int = 2**62, to_disk: bool = False) -> None:
        """Open or make the file; `run` is whose frames are put in. Raises OSError, StageError for a damaged one."""
        self.path = path
        self.max_bytes = max_bytes
        self._run = run
        self._lock = threading.RLock()
        self._in_hand = 0
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            # It holds what is said of people.
            path.touch(mode=0o600)
        with self._errors():
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
            # Nobody else reads it, so no locks are taken and given back for each message.
            self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute(f"PRAGMA synchronous={'FULL' if to_disk else 'NORMAL'}")
            # The disk is waited for after so many pages: rarely, if only crashes of processes are to be survived.
            self._db.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
            # What was sent is overwritten where that costs nothing; closing an empty spool removes the rest.
            self._db.execute("PRAGMA secure_delete=FAST")
            (layout,) = self._db.execute("PRAGMA user_version").fetchone()
            if layout > LAYOUT:
                raise StageError(f"{path} is of a newer version of Framewire; use that one, or move the file away")
            self._db.executescript(_TABLES)
            self._db.execute(f"PRAGMA user_version={LAYOUT}")
            self._waiting, self._bytes = self._db.execute(
                f"SELECT count(*), coalesce(sum(length(body) + {ROW_BYTES}), 0) FROM messages"
            ).fetchone()
            self._db.execute("INSERT OR IGNORE INTO counts(run, found) VALUES(?, 0)", (run,))
            # Between a run and its resumption, `framewire deliver` may have sent some.
            self._db.execute(
                f"UPDATE counts SET found = ? + delivered + refused + dropped - {_PUT} WHERE run = ?",
                (self._waiting, run, run),
            )

    @property
    def is_full(self) -> bool:
        """Whether no message has room."""
        return self._bytes >= self.max_bytes

    def has_batch(self, count: int) -> bool:
        """Whether `first` gives as much as it ever would."""
        return self._waiting >= count or self._bytes >= BATCH_BYTES

    @property
    def waiting(self) -> int:
        """How many messages wait."""
        return self._waiting

    def begin(self, pipeline: str, stage: str, file: str) -> None:
        """A run begins, or goes on: note whose messages these are, for a command that sends them later.

        Runs before it can no longer be resumed. `file` is the pipeline's.
        """
        with self._change():
            for table in ("streams", "counts"):
                self._db.execute(f"DELETE FROM {table} WHERE run != ?", (self._run,))
            self._db.execute("DELETE FROM origin")
            self._db.execute("INSERT INTO origin VALUES(?, ?, ?)", (pipeline, stage, file))

    def origin(self) -> tuple[str, str, str] | None:
        """The pipeline, the stage and the pipeline file of the run that last wrote here; None if none has."""
        with self._errors(), self._lock:
            found: tuple[str, str, str] | None = self._db.execute("SELECT * FROM origin").fetchone()
        return found

    def next_of(self, stream: str) -> tuple[int, bytes | None]:
        """The first frame of a stream that is not in yet, and the memory as of there; None if there is none."""
        with self._errors(), self._lock:
            row = self._db.execute(
                "SELECT next, memory FROM streams WHERE run = ? AND stream = ?", (self._run, stream)
            ).fetchone()
        return (0, None) if row is None else (row[0], row[1])

    def put(self, message: Message | None, stream: str, next_seq: int, memory: bytes, drops_oldest: bool) -> None:
        """Keep a message, if there is one, and that a stream's frames below `next_seq` are dealt with. Raises OSError.

        With `drops_oldest`, the oldest go if there is no room.
        """
        dropped, freed = 0, 0
        with self._lock:
            with self._change():
                if message is not None:
                    if drops_oldest and self.is_full:
                        dropped, freed = self._drop_oldest()
                    self._insert(message)
                self._db.execute(
                    "INSERT INTO streams VALUES(?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET next = excluded.next, "
                    "put = put + excluded.put, memory = excluded.memory",
                    (self._run, stream, next_seq, int(message is not None), memory),
                )
            if message is not None:
                self._waiting += 1 - dropped
                self._bytes += len(message.body) + ROW_BYTES - freed

    def first(self, count: int) -> list[Waiting]:
        """The oldest messages, at most so many, and not many more bytes than BATCH_BYTES; none if none wait."""
        with self._errors(), self._lock:
            found: list[Waiting] = []
            size = 0
            rows = self._db.execute(
                "SELECT id, run, stream, seq, destination, key, body, at FROM messages ORDER BY id LIMIT ?", (count,)
            )
            for number, *fields in rows:
                found.append(Waiting(number, Message(*fields)))
                size += len(found[-1].message.body)
                if size >= BATCH_BYTES:
                    break
            rows.close()
            self._in_hand = found[-1].id if found else 0
        return found

    def settle(self, done: Sequence[Waiting], refused: Collection[int] = ()) -> None:
        """These are safe elsewhere, those of the numbers `refused` in the file of the refused. Raises OSError."""
        if not done:
            return
        counts = Counter((one.message.run, number in refused) for number, one in enumerate(done))
        ends = (done[0].id, done[-1].id)
        with self._lock:
            with self._change():
                gone = self._db.execute("DELETE FROM messages WHERE id BETWEEN ? AND ?", ends).rowcount
                for (run, is_refused), count in counts.items():
                    # With the run that has put them there, if it may still be resumed.
                    known = run if self._knows(run) else self._run
                    self._count("refused" if is_refused else "delivered", count, known)
            self._waiting -= gone
            self._bytes -= sum(len(one.message.body) + ROW_BYTES for one in done)

    def hand_back(self) -> None:
        """Nobody is sending what `first` gave any more."""
        self._in_hand = 0

    def account(self) -> Published:
        """What this run has done. Raises OSError."""
        with self._errors(), self._lock:
            counts = self._db.execute(
                f"SELECT found, {_PUT}, delivered, refused, dropped FROM counts WHERE run = ?", (self._run, self._run)
            ).fetchone()
            oldest = self._db.execute("SELECT at FROM messages ORDER BY id LIMIT 1").fetchone()
            found, put, delivered, refused, dropped = counts
            return Published(
                found=found,
                put=put,
                delivered=delivered,
                refused=refused,
                dropped=dropped,
                waiting=self._waiting,
                oldest=oldest[0] if oldest else None,
            )

    def close(self) -> None:
        """Close the file; the room of what was sent is given back to the disk. Raises OSError."""
        with self._errors(), self._lock:
            if not self._waiting:
                self._db.execute("VACUUM")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._db.close()

    def _insert(self, message: Message) -> None:
        self._db.execute(
            "INSERT INTO messages(run, stream, seq, destination, key, at, body) VALUES(?, ?, ?, ?, ?, ?, ?)",
            (message.run, message.stream, message.seq, message.destination, message.key, message.at, message.body),
        )

    def _drop_oldest(self) -> tuple[int, int]:
        """Make room, a twentieth of the spool, but leave what is being sent right now; returns messages and bytes."""
        goal = self._bytes - self.max_bytes * 19 // 20
        size = count = last = 0
        for number, length in self._db.execute(
            "SELECT id, length(body) FROM messages WHERE id > ? ORDER BY id", (self._in_hand,)
        ):
            size, count, last = size + length + ROW_BYTES, count + 1, number
            if size >= goal:
                break
        if count:
            self._db.execute("DELETE FROM messages WHERE id > ? AND id <= ?", (self._in_hand, last))
            self._count("dropped", count, self._run)
        return count, size

    def _knows(self, run: str) -> bool:
        return self._db.execute("SELECT 1 FROM counts WHERE run = ?", (run,)).fetchone() is not None

    def _count(self, what: str, more: int, run: str) -> None:
        if more:
            self._db.execute(f"UPDATE counts SET {what} = {what} + ? WHERE run = ?", (more, run))

    @contextmanager
    def _change(self) -> Iterator[None]:
        """One transaction: all of it, or nothing."""
        with self._errors(), self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """SQLite's errors as those of a file that cannot be written, or of one that is damaged."""
        try:
            yield
        except sqlite3.OperationalError as error:
            raise OSError(getattr(error, "sqlite_errorcode", 0) or 5, str(error), str(self.path)) from error
        except sqlite3.DatabaseError as error:
            raise StageError(f"{self.path} is damaged ({error}); move it away: what is in it was not sent") from error


def spools_in(out: Path) -> list[Path]:
    """The spools of an output folder in which messages may wait."""
    return sorted((out / ENGINE_FOLDER / FOLDER).glob(f"*{SUFFIX}"))


def spool_path(out: Path, pipeline: str, stage: str) -> Path:
    """The spool of a stage."""
    return Path(out, ENGINE_FOLDER, FOLDER, f"{pipeline}.{stage}{SUFFIX}")
