"""The program's side of a run that it has started: its process, its log, and how it ended."""

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import msgspec

from framewire.pipeline.document.config_error import ConfigError, ConfigGroupError, Place
from framewire.pipeline.graph.spec import StageSpec
from framewire.pipeline.guest.feed import Feed, FeedSource
from framewire.pipeline.guest.frame import Frame
from framewire.pipeline.guest.guest_sink import GuestSink
from framewire.pipeline.guest.guest_thread import GuestThread
from framewire.pipeline.guest.handover import Handover
from framewire.pipeline.guest.order import Invited, Order, Over, Refused, receive, send
from framewire.pipeline.seen.summary import Summary
from framewire.pipeline.stage import NoOptions, Stage
from framewire.pipeline.stage_context import StageContext
from framewire.pipeline.terminal.cli import FOR_LIBRARIES
from framewire.pipeline.terminal.display.log_format import JsonLine

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


class RunProcess:
    """A run in a process of its own. Ctrl-C in a terminal reaches only the program, which decides what it means."""

    def __init__(self, order: Order, handover: Handover[Frame] | None = None, feed: Feed | None = None) -> None:
        """Start it; frames go to `handover`, and come from `feed`."""
        self._handover = handover
        self._feed = feed
        self._guests: list[GuestThread] = []
        ours, theirs = socket.socketpair()
        path = msgspec.json.encode([str(Path(place).absolute()) for place in sys.path]).decode()
        # It ends when the last process that holds the other end is gone: we, and what we may have forked.
        leash, self._leash = os.pipe()
        ends = [theirs.fileno(), leash]
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _PROGRAM, str(ends), path],
                pass_fds=ends,
                env={**FOR_LIBRARIES, **os.environ},
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        finally:
            theirs.close()
            os.close(leash)
        self._tie = ours
        self._said: Over | Refused | None = None
        self._is_over = threading.Event()
        self._last_words: list[str] = []
        self._log = threading.Thread(target=self._read_log, name="framewire log", daemon=True)
        self._log.start()
        send(ours, order)
        threading.Thread(target=self._listen, name="framewire run", daemon=True).start()

    def wait(self) -> Summary:
        """Wait for its end. Raises ConfigError, RunError."""
        self._is_over.wait()
        self.end()
        match self._said:
            case Refused() as refused:
                raise _error(refused)
            case Over(_, summary):
                if summary.error:
                    raise RunError(summary.error, summary)
                return summary
            case None:
                said = "; ".join(self._last_words[-3:])
                raise RunError(f"the run has died: {said or f'exit status {self._process.returncode}'}")

    def enough(self) -> None:
        """No more frames are wanted."""
        sinks = [guest for guest in self._guests if guest.kind == "sink"]
        for guest in sinks:
            guest.enough()
        if not sinks:
            # Left before it had begun: there is nothing to finish.
            self.interrupt()

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
            self._process.wait()
        self._is_over.wait()
        self._log.join(timeout=1.0)
        self._tie.close()
        if self._leash >= 0:
            os.close(self._leash)
            self._leash = -1

    def _listen(self) -> None:
        """Hear what the run says, until it is over."""
        while True:
            match receive(self._tie):
                case Invited(boot):
                    self._guests.append(GuestThread(boot, self._make, self._let_go))
                    continue
                case None:
                    break
                case said:
                    self._said = said
                    break
        self._let_go()
        self._is_over.set()

    def _let_go(self) -> None:
        """Nobody need wait for frames, or for room, any more."""
        if self._handover is not None:
            self._handover.end()
        if self._feed is not None:
            self._feed.over()

    def _make(self, spec: StageSpec, context: StageContext) -> Stage[Any]:
        if spec.kind == "source":
            assert self._feed is not None
            return FeedSource(NoOptions(), context, self._feed)
        assert self._handover is not None
        return GuestSink(NoOptions(), context, self._handover)

    def _read_log(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as stderr:
            for raw in stderr:
                text = raw.decode(errors="replace").rstrip("\n")
                try:
                    line = msgspec.json.decode(raw, type=JsonLine)
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
