"""The program's side of a run that it has started: its process, its log, and how it ended."""

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from framewire.pipeline.graph.config_error import ConfigError, ConfigGroupError, Place
from framewire.pipeline.guest.order import Invited, Order, Over, Refused, receive, send
from framewire.pipeline.seen.summary import Summary
from framewire.pipeline.terminal.cli import ONE_THREAD

_PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[2]); "
    "from framewire.pipeline.guest.program import main; main(*json.loads(sys.argv[1]))"
)
PATIENCE_S = 60.0
"""How long a run may take to end beyond its own `drain_s`: then it is killed."""


class RunError(RuntimeError):
    """A run that failed, or could not begin; `summary` is what it had done, None if nothing."""

    def __init__(self, text: str, summary: Summary | None = None) -> None:
        super().__init__(text)
        self.summary = summary


class _Line(Struct):
    """A line of the run's log: see JsonLine."""

    level: str
    message: str
    stage: str = ""


class RunProcess:
    """A run in a process of its own. Ctrl-C in a terminal reaches only the program, which decides what it means."""

    def __init__(self, order: Order) -> None:
        """Start it."""
        ours, theirs = socket.socketpair()
        path = msgspec.json.encode([str(Path(place).absolute()) for place in sys.path]).decode()
        # It ends when the last process that holds the other end is gone: we, and what we may have forked.
        leash, self._leash = os.pipe()
        ends = [theirs.fileno(), leash]
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _PROGRAM, str(ends), path],
                pass_fds=ends,
                env={**dict.fromkeys(ONE_THREAD, "1"), **os.environ},
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        finally:
            theirs.close()
            os.close(leash)
        self._tie = ours
        self._over: Over | None = None
        self._waiting: threading.Thread | None = None
        self._last_words: list[str] = []
        self._log = threading.Thread(target=self._read_log, name="framewire log", daemon=True)
        self._log.start()
        send(ours, order)

    def invitation(self) -> bytes | None:
        """What the guest needs to join; None if the run ended before. Raises ConfigError, RunError."""
        match receive(self._tie):
            case Invited(boot):
                return boot
            case Refused() as refused:
                self._reap()
                raise _error(refused)
            case Over() as over:
                self._over = over
                return None
            case None:
                self._reap()
                raise RunError(f"the run could not start: {self._how()}")

    def wait(self) -> Summary:
        """Wait for its end. Raises ConfigError, RunError."""
        while self._over is None:
            match receive(self._tie):
                case Over() as over:
                    self._over = over
                case Refused() as refused:
                    self._reap()
                    raise _error(refused)
                case None:
                    self._reap()
                    raise RunError(f"the run has died: {self._how()}")
        self._reap()
        if self._over.summary.error:
            raise RunError(self._over.summary.error, self._over.summary)
        return self._over.summary

    def when_over(self, done: Callable[[], None]) -> None:
        """Call `done`, from a thread of its own, when the run is over, however it ends."""

        def wait() -> None:
            message = receive(self._tie)
            self._over = message if isinstance(message, Over) else self._over
            done()

        self._waiting = threading.Thread(target=wait, name="framewire run", daemon=True)
        self._waiting.start()

    def interrupt(self) -> None:
        """Tell it to stop, as Ctrl-C does."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)

    def end(self, patience_s: float = PATIENCE_S) -> None:
        """Wait until it is gone; kill it if that takes too long."""
        try:
            self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._reap()

    @property
    def over(self) -> Over | None:
        """How it ended, if it has."""
        return self._over

    def _reap(self) -> None:
        self._process.wait()
        if self._waiting is not None:
            self._waiting.join()
        self._log.join(timeout=1.0)
        self._tie.close()
        if self._leash >= 0:
            os.close(self._leash)
            self._leash = -1

    def _how(self) -> str:
        said = "; ".join(self._last_words[-3:])
        return said or f"exit status {self._process.returncode}"

    def _read_log(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as stderr:
            for raw in stderr:
                text = raw.decode(errors="replace").rstrip("\n")
                try:
                    line = msgspec.json.decode(raw, type=_Line)
                except (msgspec.DecodeError, UnicodeDecodeError):
                    self._last_words = [*self._last_words[-20:], text]
                    logging.getLogger("framewire").info("%s", text)
                    continue
                name = f"framewire.{line.stage}" if line.stage else "framewire"
                logging.getLogger(name).log(logging.getLevelNamesMapping()[line.level.upper()], "%s", line.message)


def _error(refused: Refused) -> Exception:
    errors = [ConfigError(Place(one.file, one.line, one.column), one.text) for one in refused.faults]
    if not errors:
        return RunError(refused.text)
    return errors[0] if len(errors) == 1 else ConfigGroupError(errors)
