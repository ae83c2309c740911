"""How a worker speaks to the supervisor: from any of its threads, and never in words that would be refused."""

import logging
from typing import get_args

import msgspec

from framewire.pipeline.nodes.node import SAVED
from framewire.pipeline.privacy.address import without_secrets
from framewire.pipeline.stage import StageError
from framewire.pipeline.wire.inbox import MESSAGE_BYTES_MAX, Outbox
from framewire.pipeline.wire.message import (
    CutShort,
    Message,
    Ready,
    RefusedError,
    Remark,
    Report,
    StreamOpened,
    Trouble,
    decode_for_supervisor,
    encode,
)

TEXT_MAX = 10_000
"""Characters of a log record, or of an error: enough for any traceback."""
_AuthorsOwn = Ready | StreamOpened | CutShort | Report
"""Messages with values that a stage's author has given, as they are; few, so that each can be looked at."""


class Teller:
    """Tells the supervisor. A message that would be refused is the stage's error: it raises StageError."""

    def __init__(self, outbox: Outbox, worker: str) -> None:
        self._outbox = outbox
        self._worker = worker

    def __call__(self, message: Message) -> None:
        """Tell. Raises StageError."""
        try:
            raw = encode(message)
            if isinstance(message, get_args(_AuthorsOwn)):
                decode_for_supervisor(raw)
        except (RefusedError, TypeError, ValueError, OverflowError, msgspec.MsgspecError) as error:
            raise StageError(
                f"a stage has given a value that cannot be told ({type(message).__name__}: {error})"
            ) from error
        if len(raw) > MESSAGE_BYTES_MAX:
            raise StageError(f"a stage has given more than can be told ({type(message).__name__}, {len(raw)} bytes)")
        self._outbox.send(raw)

    def trouble(self, stage: str, text: str) -> None:
        """The worker gives up."""
        self(Trouble(self._worker, stage, plain(text)))

    def remark(self, level: int, stage: str, text: str, saved: str = "") -> None:
        """A line for the log; see Remark."""
        self(Remark(self._worker, level, stage, plain(text), saved))


class RemarkHandler(logging.Handler):
    """Sends log records to the supervisor; only it writes to the terminal."""

    def __init__(self, teller: Teller) -> None:
        super().__init__()
        self._teller = teller

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record."""
        try:
            stage, saved = record.name.removeprefix("framewire."), getattr(record, SAVED, "")
            self._teller.remark(record.levelno, stage, record.getMessage(), saved)
        except Exception:
            # An author's arguments do not fit their text: logging says so on stderr.
            self.handleError(record)


def plain(text: str) -> str:
    """Text that any message takes, and anybody may read: it may hold anything, a lone surrogate and a password too."""
    return without_secrets(text[:TEXT_MAX].encode(errors="backslashreplace").decode())
