"""One session of an agent: from its greeting to the end of a run, of its lease, or of its own process."""

import importlib.metadata
import logging
import platform
import secrets
import signal
import socket
import time
from collections.abc import Callable
from contextlib import closing
from enum import Enum
from functools import partial
from pathlib import Path

import msgspec
from msgspec import Struct

from framewire.pipeline.agent.failed_frames import FailedFrames
from framewire.pipeline.agent.home import Home
from framewire.pipeline.agent.lent_files import FOLDER as FILES
from framewire.pipeline.agent.lent_files import LentFiles, LentFilesError
from framewire.pipeline.agent.relay import Relay
from framewire.pipeline.cores import usable_cores
from framewire.pipeline.crew.crew import Crew, CrewLostError, Ended
from framewire.pipeline.crew.last_words import hear_last_words
from framewire.pipeline.graph import PipelineSpec, make_plan
from framewire.pipeline.ledger.bookkeeping import leave_files
from framewire.pipeline.line.clock import ClockOffset
from framewire.pipeline.line.fetch import FetchError
from framewire.pipeline.line.keys import AgentKey
from framewire.pipeline.line.lease import Lease
from framewire.pipeline.line.modules import ModulesError, lay_out
from framewire.pipeline.line.numbered import LineEnd, LineFullError, decode_frame
from framewire.pipeline.line.said import (
    PROTOCOL,
    Dismissed,
    FileAsked,
    FilePart,
    FileRefused,
    FrameDone,
    FromAgent,
    Hello,
    Kill,
    LeaseAsked,
    LeaseGranted,
    Leaving,
    Left,
    MisheardError,
    PassOn,
    Refusal,
    RunOver,
    Start,
    ToAgent,
    Unable,
    Welcome,
    WorkerDied,
    encode_said,
    to_agent,
)
from framewire.pipeline.line.socket import AgentSocket
from framewire.pipeline.output.ownership import Tenant
from framewire.pipeline.output.take_over import LentFolder, TakeOverError
from framewire.pipeline.processes.deadline import Deadline
from framewire.pipeline.unfinished import FOLDER
from framewire.pipeline.wire.message import RefusedError
from framewire.pipeline.wire.waiting import Waiting

HELLO_S = 0.5
"""How often an agent says who it is until it is answered."""
SESSION_BYTES = 16
MODULES = "modules"
"""In the folder of the engine's own files: the run's modules, made anew for each session."""
LEFT_S = 0.1
"""How long the last message may take to be on its way."""

log = logging.getLogger("framewire")


class SessionEnd(Enum):
    """Why a session has ended."""

    OVER = "the run is over"
    LOST = "the run is gone, or cannot be reached"
    STOPPED = "it was told to stop"
    DISMISSED = "the run let it leave"
    REFUSED = "the run refused it"
    UNABLE = "it cannot serve the run"


class Session:
    """Serves one run.

    Example:
        session = Session(Home("10.0.0.1", 9798), key, Path("out"), woken, lambda: stops)
        session.run()          # SessionEnd.OVER
    """

    def __init__(self, home: Home, key: AgentKey, out: Path, woken: socket.socket, stops: Callable[[], int]) -> None:
        """`stops` counts how often it was told to stop; `woken` is readable when it has changed."""
        self._home = home
        self._key = key
        self._out = out
        self._woken = woken
        self._stops = stops
        self._line = LineEnd()
        self._offset = ClockOffset()
        self._socket = AgentSocket(home.host, home.port, key, secrets.token_bytes(SESSION_BYTES))
        self._waiting = Waiting([self._socket.socket, self._socket.monitor], woken)
        """For the line and signals alone: what there is while there is no crew."""
        self._told = ""
        self._has_lost = False
        """Whether the connection has ended since that was last looked into."""

    def run(self) -> SessionEnd:
        """Greet, serve, end: when it returns, no process of the session is left."""
        try:
            welcome = self._greet()
            if isinstance(welcome, SessionEnd):
                return welcome
            with closing(Deadline()) as deadline:
                return self._serve(welcome, deadline)
        finally:
            self._socket.close()

    def _greet(self) -> Welcome | SessionEnd:
        hello = Hello(
            PROTOCOL,
            importlib.metadata.version("framewire"),
            platform.python_version(),
            self._key.machine,
            usable_cores(),
            "",
            0.0,
        )
        greet_at = 0.0
        while not self._stops():
            now = time.monotonic()
            if now >= greet_at:
                greet_at = now + HELLO_S
                self._whisper(msgspec.structs.replace(hello, host=self._home.own_address(), asked_at=now))
            self._wait(greet_at, self._waiting)
            while (raw := self._socket.waiting()) is not None:
                match self._decoded(raw, only_loose=True):
                    case Welcome() as welcome:
                        self._offset.answered(welcome.asked_at, welcome.now, time.monotonic())
                        return welcome
                    case Refusal() as refusal:
                        if refusal.text != self._told:
                            log.warning("%s cannot serve: %s", self._key.machine, refusal.text)
                        self._told = refusal.text
                        if refusal.is_final:
                            return SessionEnd.REFUSED
        return SessionEnd.STOPPED

    def _serve(self, welcome: Welcome, deadline: Deadline) -> SessionEnd:
        spec, machine = welcome.spec, self._key.machine
        lease = Lease(welcome.lease_s, welcome.asked_at, deadline.set)
        log.info("serving the run of %s", spec.name)
        # What follows may take as long as a lease on a busy machine.
        self._keep(lease)
        try:
            tenant = Tenant(welcome.run, machine)
            folder = LentFolder(spec, tenant, self._out, welcome.continues, welcome.must_be_here)
        except TakeOverError as error:
            return self._unable(str(error), lease)
        try:
            beside = self._modules(welcome)
            files = self._files(welcome, lease)
        except (ModulesError, LentFilesError, FetchError, OSError) as error:
            folder.release()
            return self._unable(str(error), lease)
        spec = msgspec.structs.replace(spec, folder=beside)
        for news in (*folder.news, *files.news):
            log.info("%s", news)
        crew = Crew(spec, make_plan(spec), None, folder.locks, machine=machine)
        frames = FailedFrames(self._out)
        relay = Relay(crew, machine, self._offset, deadline.at, files, frames)
        served = _Served(spec, crew, relay, lease, files, frames, str(self._out.absolute()), beside)
        try:
            end = self._loop(served)
        except (CrewLostError, FetchError) as error:
            end = self._unable(str(error), lease)
        finally:
            crew.close()
            relay.close()
            folder.release()
        if served.over is not None:
            sinks = [stage.name for stage in spec.stages if stage.kind == "sink" and stage.machine == machine]
            leave_files(self._out, sinks, served.over.is_complete)
        elif end in (SessionEnd.STOPPED, SessionEnd.DISMISSED):
            self._whisper(Left(end.value))
            time.sleep(LEFT_S)
        return end

    def _modules(self, welcome: Welcome) -> str:
        """The folder in which the run's own modules are looked for. Raises ModulesError, OSError."""
        folder = (self._out / FOLDER / MODULES).absolute()
        lay_out(welcome.modules, folder)
        return str(folder if welcome.modules else Path.cwd())

    def _files(self, welcome: Welcome, lease: Lease) -> LentFiles:
        """The files of home that are here, or begun to be fetched. Raises LentFilesError, FetchError, OSError."""
        files = LentFiles(welcome.files, self._out / FOLDER / FILES)
        for _ in files.look():
            self._keep(lease)
        return files

    def _unable(self, text: str, lease: Lease) -> SessionEnd:
        """Say so until the run ends."""
        log.error("%s", text)
        self._say(Unable(text))
        while not (self._stops() or lease.is_out(time.monotonic())):
            self._wait(lease.due, self._waiting)
            while (raw := self._socket.waiting()) is not None:
                match self._decoded(raw):
                    case RunOver():
                        return SessionEnd.UNABLE
                    case LeaseGranted() as granted:
                        lease.granted(granted.asked_at)
            self._keep(lease)
        return SessionEnd.UNABLE

    def _loop(self, served: "_Served") -> SessionEnd:
        sockets = [self._socket.socket, self._socket.monitor, served.relay.inbox.socket]
        waiting = Waiting(sockets, self._woken, served.crew.fileno)
        self._ask_for_file(served)
        while True:
            stops = self._stops()
            if stops > 1:
                return SessionEnd.STOPPED
            if stops and not served.is_leaving:
                served.is_leaving = True
                log.info("told to stop: leaving once what is in flight is settled; signal again to stop at once")
                self._say(Leaving())
            # First what has come: a lease that was granted in time is one, however late that is read.
            self._hear(served)
            if served.over is not None:
                return SessionEnd.OVER
            if served.is_dismissed:
                return SessionEnd.DISMISSED
            if served.lease.is_out(time.monotonic()):
                log.warning("the run has not been heard from for %g s: ending its workers", served.lease.seconds)
                return SessionEnd.LOST
            if self._wait(served.lease.due, waiting):
                self._ended(served)
            while (raw := served.relay.inbox.waiting()) is not None:
                self._tell(served, raw)
            if self._has_lost and self._home.is_gone:
                self._hear(served)
                if served.over is None:
                    log.warning("the run is gone: ending its workers")
                    return SessionEnd.LOST
            self._has_lost = False
            self._keep(served.lease, served.relay)

    def _hear(self, served: "_Served") -> None:
        while (raw := self._socket.waiting()) is not None:
            self._take(served, raw)

    def _keep(self, lease: Lease, relay: Relay | None = None) -> None:
        """Ask for the lease, and send again what was lost, if it is time."""
        now = time.monotonic()
        if lease.ask_due(now):
            busy, stopped = (relay.busy(), relay.stopped()) if relay is not None else ([], [])
            self._whisper(LeaseAsked(now, busy, stopped, relay.refusals.count if relay is not None else 0))
            for raw in self._line.again(now):
                self._socket.send(raw)

    def _ended(self, served: "_Served") -> None:
        """Workers have ended: their last words, then that."""
        ended: list[Ended] = served.crew.news()
        if ended:
            while (raw := served.relay.inbox.waiting()) is not None:
                self._tell(served, raw)
        for one in ended:
            worker = served.crew.workers[one.token]
            hear_last_words(worker, one.status, served.relay.inbox.wait, partial(self._tell, served))
            self._say(WorkerDied(one.token, one.status, worker.died()))

    def _tell(self, served: "_Served", raw: bytes) -> None:
        for message in served.relay.heard(raw):
            self._say(message)

    def _take(self, served: "_Served", raw: bytes) -> None:
        match self._decoded(raw):
            case Start() as start if start.worker in served.crew.workers:
                served.held.append(start)
                self._start_held(served)
            case FilePart() as part:
                if served.files.took(part, time.monotonic()):
                    self._ask_for_file(served)
                    self._start_held(served)
            case FileAsked() as asked:
                self._say(served.frames.answer(asked))
            case FrameDone() as done:
                served.frames.done(done.sha256)
            case FileRefused() as refused:
                raise FetchError(refused.text)
            case PassOn() as passed if passed.worker in served.crew.workers:
                try:
                    served.relay.pass_on(passed.worker, passed.raw)
                except RefusedError as error:
                    served.relay.refusals.take(passed.raw, error)
            case Kill() as kill if any(start.worker == kill.worker for start in served.held):
                served.held = [start for start in served.held if start.worker != kill.worker]
                self._say(WorkerDied(kill.worker, -signal.SIGKILL, []))
            case Kill() as kill if kill.worker in served.crew.workers:
                served.crew.workers[kill.worker].kill()
            case LeaseGranted() as granted:
                served.lease.granted(granted.asked_at)
                if granted.asked_at > 0:
                    self._offset.answered(granted.asked_at, granted.now, time.monotonic())
            case Refusal() as refusal:
                log.warning("%s", refusal.text)
                served.lease.end()
            case Dismissed():
                served.is_dismissed = True
            case RunOver() as over:
                served.over = over
                self._whisper(Left(""))

    def _ask_for_file(self, served: "_Served") -> None:
        """For the next part of what is lacking, if something is."""
        if (ask := served.files.ask(time.monotonic())) is not None:
            self._say(ask)

    def _start_held(self, served: "_Served") -> None:
        """Start workers once their files are here."""
        if not served.files.is_whole:
            return
        for start in served.held:
            served.crew.spawn(start.worker, served.relay.started(start.worker, start.boot, served.out, served.folder))
        served.held.clear()

    def _decoded(self, raw: bytes, only_loose: bool = False) -> ToAgent | None:
        try:
            frame = decode_frame(raw)
            if only_loose and frame.number:
                # Before the welcome: it comes again.
                return None
            payload = self._line.take(frame, time.monotonic())
            return to_agent(payload) if payload else None
        except (msgspec.DecodeError, MisheardError) as error:
            log.warning("the run has sent an invalid message (%s)", error)
            return None
        finally:
            if self._line.owes:
                self._whisper(LeaseAsked(time.monotonic()))

    def _say(self, message: FromAgent) -> None:
        """Say something that must arrive."""
        try:
            self._socket.send(self._line.send(encode_said(message), time.monotonic()))
        except LineFullError:
            log.error("the run acknowledges nothing")
            raise CrewLostError("the run acknowledges nothing") from None

    def _whisper(self, message: FromAgent) -> None:
        """Say something that may be lost."""
        self._socket.send(self._line.loose(encode_said(message)))

    def _wait(self, until: float, waiting: Waiting) -> bool:
        """Until something is readable, or then; returns whether the crew has news."""
        has_news = waiting.wait(max(0, round((until - time.monotonic()) * 1000)))
        self._has_lost = self._socket.has_lost_connection() or self._has_lost
        return has_news


class _Served(Struct):
    """What a session serves with; `over` is how the run has ended."""

    spec: PipelineSpec
    crew: Crew
    relay: Relay
    lease: Lease
    files: LentFiles
    frames: FailedFrames
    out: str
    folder: str
    over: RunOver | None = None
    is_leaving: bool = False
    is_dismissed: bool = False
    held: list[Start] = []
    """Workers that wait for files."""
