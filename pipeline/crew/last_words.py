"""The last message of a worker that has exited by itself: why it did."""

import time
from collections.abc import Callable

from framewire.pipeline.crew.worker_record import WorkerRecord

LAST_WORDS_S = 1.0
"""How long the last message of a worker that has exited may be on its way."""
EXITED = (0, 1)
"""Statuses with which a worker exits by itself, having said why."""


def hear_last_words(
    worker: WorkerRecord, status: int | None, wait: Callable[[float], bytes | None], take: Callable[[bytes], None]
) -> None:
    """Take messages until this worker, which has ended with `status`, has said why, if it can have.

    `wait` gets the next message, or None after so many seconds.
    """
    until = time.monotonic() + LAST_WORDS_S
    while status in EXITED and not worker.has_said_why and (left := until - time.monotonic()) > 0:
        raw = wait(left)
        if raw is not None:
            take(raw)
