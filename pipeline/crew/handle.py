"""How the supervisor reaches a worker's process: speaks to it, sees what it is on, ends it."""

import os
import signal
from typing import Protocol

import zmq

from framewire.pipeline.nodes.notes import Call, FrameInHand, NotesReader
from framewire.pipeline.processes.signals import is_stopped
from framewire.pipeline.wire.inbox import Outbox
from framewire.pipeline.wire.message import Ready


class Handle(Protocol):
    """A worker's process, wherever it runs."""

    def opened(self, ready: Ready) -> None:
        """It has opened its stages: from now on it may be spoken to, and its notes be read."""

    def send(self, raw: bytes) -> None:
        """Send it a message, if it is ready."""

    def call(self) -> Call | None:
        """What it is working on, by this machine's monotonic clock."""

    def in_hand(self) -> list[FrameInHand]:
        """The frames it has in hand, or had when it died."""

    @property
    def is_stopped(self) -> bool:
        """Whether somebody has stopped its process."""

    def kill(self) -> None:
        """End its process; its death is news that comes."""

    def close(self) -> None:
        """Nothing more is sent to it."""


class LocalHandle:
    """A process of this machine: a child of the nursery's, or a guest, which is not ours to end."""

    def __init__(self, context: "zmq.Context[zmq.Socket[bytes]]", pid: int | None = None) -> None:
        """`pid` is None until the nursery has told of its birth, and for a guest."""
        self.pid = pid
        self._context = context
        self._outbox: Outbox | None = None
        self._notes: NotesReader | None = None

    def opened(self, ready: Ready) -> None:
        """See Handle."""
        self._outbox = Outbox(self._context, ready.endpoint)
        try:
            self._notes = NotesReader(ready.pid, ready.notes_fd)
        except OSError:
            # It died before we could open them: its death is the next news.
            self._notes = None

    def send(self, raw: bytes) -> None:
        """See Handle."""
        if self._outbox is not None:
            self._outbox.send(raw)

    def call(self) -> Call | None:
        """See Handle."""
        return self._notes.call() if self._notes is not None else None

    def in_hand(self) -> list[FrameInHand]:
        """See Handle."""
        return self._notes.in_hand() if self._notes is not None else []

    @property
    def is_stopped(self) -> bool:
        """See Handle."""
        return self.pid is not None and is_stopped(self.pid)

    def kill(self) -> None:
        """See Handle."""
        if self.pid is not None:
            os.kill(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """See Handle."""
        if self._outbox is not None:
            self._outbox.close()
            self._outbox = None
