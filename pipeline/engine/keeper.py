"""The process that speaks with Ray for a run: it joins a cluster, or starts one, and keeps an agent on each machine.

The only file that imports ray. It is a process of its own because Ray starts threads, may abort the process that uses
it (when its raylet dies), and may block for a long time; the run, and its nursery, must do none of that.
"""

import logging
import os
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from setproctitle import setproctitle

from framewire.pipeline.engine.agent_host import AgentHost
from framewire.pipeline.engine.said import Admit, AgentEnded, Joined, Offered, Over, Refused, Seek, hear_run, say
from framewire.pipeline.processes.parent_death import at_death_of
from framewire.pipeline.processes.signals import is_running

AGAIN_S = (0.1, 0.5, 1.0, 2.0)
"""Before the first, second, ... agent in a row that is sought anew."""
LONG_S = 10.0
"""An agent that has been there for so long was no failure to start one."""
LAST_S = 5.0
"""For agents to make their files whole when the run is over."""
WAKES_BYTES = 4096
STORE_BYTES = 100_000_000
"""Of a local Ray's object store: nothing of ours goes through it; Ray takes no less than 75 MB."""
TEMPORARY = Path("/tmp")
"""Not $TMPDIR: the paths of Ray's sockets have 107 bytes."""
PREFIX = "fw-ray-"
REACH_S = 5.0
ASKING_S = 30.0
ASK = "from ray.scripts.scripts import main; main()"
TOKEN = ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")
SAYS_NO = ("AuthenticationError", "InvalidAuthToken", "UNAUTHENTICATED", "Unauthenticated")
OPEN_TO_ALL = (
    "the Ray cluster at {address} requires no token: Ray listens on all interfaces, and anyone who can reach it can "
    "run code there; start its nodes with RAY_AUTH_MODE=token (Ray 2.52 or later), or use --insecure-ray if nobody "
    "else can reach them"
)


class KeeperOrder(Struct, frozen=True):
    """The argument of this program; `address` is empty for a local Ray, which offers what follows."""

    name: str
    run: int
    end: int
    address: str
    is_insecure: bool
    cpus: int
    resources: dict[str, float]


class Cluster(Struct, frozen=True):
    """A cluster that we are in: it knows this machine by `host`; `folder` is that of a Ray of our own."""

    host: str
    folder: Path | None = None

    def leave(self) -> None:
        """Leave it; one of our own ends."""
        import ray

        ray.shutdown()
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


class RefusedError(Exception):
    """There is no cluster for us; the text says why."""


def be_keeper(argument: str) -> None:
    """Be the keeper until the run is gone, or closes its end of the socket."""
    order = msgspec.json.decode(argument, type=KeeperOrder)
    at_death_of(order.run, signal.SIGKILL)
    setproctitle(f"framewire {order.name} ray")
    end = socket.socket(fileno=order.end)
    end.set_inheritable(False)
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    try:
        cluster = _join_cluster(order) if order.address else _start_cluster(order)
    except RefusedError as error:
        say(end, Refused(str(error)))
        return
    say(end, Joined(cluster.host))
    _Keeper(end).run()
    cluster.leave()


def _join_cluster(order: KeeperOrder) -> Cluster:
    if not order.is_insecure:
        _must_ask_for_token(order.address)
    import ray

    try:
        ray.init(address=order.address, log_to_driver=False, logging_level=logging.ERROR)
    except Exception as error:
        what = str(error).strip().split("\n")[0] or type(error).__name__
        raise RefusedError(
            f"cannot join the Ray cluster at {order.address} ({what}); this machine must be a node of it: start the "
            "run there, by `ray job submit`, or make it one by `ray start --address`"
        ) from error
    return Cluster(ray.util.get_node_ip_address())


def _must_ask_for_token(address: str) -> None:
    """Ask the cluster something without a token. Raises RefusedError if it answers, or says nothing.

    What our own settings say proves nothing: a cluster without tokens takes ours, too.
    """
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), REACH_S).close()
    except OSError as error:
        raise RefusedError(f"there is no Ray cluster at {address} ({error.strerror or error})") from error
    environment = {name: value for name, value in os.environ.items() if name not in TOKEN}
    try:
        asked = subprocess.run(
            [sys.executable, "-P", "-c", ASK, "status", "--address", address],
            env={**environment, "RAY_AUTH_MODE": "disabled"},
            capture_output=True,
            text=True,
            timeout=ASKING_S,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired as error:
        raise RefusedError(f"the Ray cluster at {address} does not answer within {ASKING_S:g} s") from error
    if asked.returncode == 0:
        raise RefusedError(OPEN_TO_ALL.format(address=address))
    if not any(word in asked.stderr for word in SAYS_NO):
        what = (asked.stderr.strip().split("\n") or [""])[-1]
        raise RefusedError(f"the Ray cluster at {address} does not answer ({what}); is that its address?")


def _start_cluster(order: KeeperOrder) -> Cluster:
    """A Ray of our own, for this run, on the loopback interface, with a token that nobody else has."""
    _remove_leftovers()
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=TEMPORARY))
    for name in TOKEN:
        os.environ.pop(name, None)
    os.environ |= {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        # Ray's way to stay on 127.0.0.1, meant for other systems, but looked at on all.
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    }
    import ray

    try:
        ray.init(
            address="local",
            num_cpus=order.cpus,
            resources=order.resources or None,
            object_store_memory=STORE_BYTES,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            _temp_dir=str(folder),
        )
    except Exception as error:
        shutil.rmtree(folder, ignore_errors=True)
        what = str(error).strip().split("\n")[0] or type(error).__name__
        raise RefusedError(f"Ray cannot be started here ({what})") from error
    return Cluster(ray.util.get_node_ip_address(), folder)


def _remove_leftovers() -> None:
    """The folders of local Rays whose keepers were killed."""
    for folder in TEMPORARY.glob(f"{PREFIX}*-*"):
        pid = folder.name.removeprefix(PREFIX).partition("-")[0]
        if pid.isdigit() and not is_running(int(pid)) and folder.stat(follow_symlinks=False).st_uid == os.getuid():
            shutil.rmtree(folder, ignore_errors=True)


class _Sought(Struct):
    """An agent: what it was sought by, its actor, since when, and how many in a row have ended early."""

    seek: Seek
    actor: Any
    since: float
    failures: int = 0
    again_at: float | None = None
    serves: bool = False


class _Keeper:
    """Keeps an agent on each machine."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._sought: dict[str, _Sought] = {}
        self._news: deque[tuple[_Sought, Future[Any]]] = deque()
        self._woken, self._wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def run(self) -> None:
        """Until the run closes its end."""
        while True:
            due = [one.again_at for one in self._sought.values() if one.again_at is not None]
            timeout = max(0.0, min(due) - time.monotonic()) if due else None
            readable, _, _ = select.select([self._end.fileno(), self._woken], [], [], timeout)
            if self._woken in readable:
                os.read(self._woken, WAKES_BYTES)
            while self._news:
                self._heard(*self._news.popleft())
            for one in self._sought.values():
                if one.again_at is not None and one.again_at <= time.monotonic():
                    self._start(one)
            if self._end.fileno() in readable:
                match message := hear_run(self._end):
                    case Seek():
                        self._seek(message)
                    case Admit():
                        self._admitted(message)
                    case _:
                        self._finish(message)
                        return

    def _finish(self, over: Over | None) -> None:
        """End all agents; those that know that the run is over end themselves, unless they take too long."""
        awaited = set(over.machines if over is not None else ())
        for machine, one in self._sought.items():
            if machine not in awaited or not one.serves:
                awaited.discard(machine)
                _end_actor(one.actor)
        until = time.monotonic() + LAST_S
        while awaited and select.select([self._woken], [], [], max(0.0, until - time.monotonic()))[0]:
            os.read(self._woken, WAKES_BYTES)
            while self._news:
                awaited.discard(self._news.popleft()[0].seek.machine)
        for one in self._sought.values():
            _end_actor(one.actor)

    def _seek(self, seek: Seek) -> None:
        known = self._sought.get(seek.machine)
        if known is not None and known.seek.number >= seek.number:
            # Its end was noticed here before the run knew.
            return
        if known is not None:
            _end_actor(known.actor)
        one = self._sought[seek.machine] = _Sought(seek, None, 0.0)
        self._start(one)

    def _start(self, one: _Sought) -> None:
        import ray

        seek = one.seek
        actor = ray.remote(AgentHost).options(
            num_cpus=seek.cpus,
            num_gpus=seek.gpus,
            resources=seek.resources or None,
            max_restarts=0,
            max_concurrency=1,
            scheduling_strategy="SPREAD" if seek.is_spread else "DEFAULT",
        )
        one.actor, one.since, one.again_at = actor.remote(), time.monotonic(), None
        one.actor.end_with_raylet.remote()
        self._tell_when_done(one, one.actor.offer.remote())

    def _admitted(self, admit: Admit) -> None:
        one = self._sought[admit.machine]
        seek = one.seek
        if seek.number == admit.number and one.again_at is None and not one.serves:
            one.serves = True
            served = one.actor.serve.remote(seek.machine, seek.run_key, seek.join, seek.out, seek.folder)
            self._tell_when_done(one, served)

    def _tell_when_done(self, one: _Sought, reference: Any) -> None:
        seek = one.seek

        def done(future: "Future[Any]") -> None:
            """Called in a thread of Ray's."""
            if one.seek is seek:
                self._news.append((one, future))
                os.write(self._wake, b"\0")

        reference.future().add_done_callback(done)

    def _heard(self, one: _Sought, future: "Future[Any]") -> None:
        """An agent has made its key, or has ended; or Ray has lost it before or after."""
        if self._sought[one.seek.machine] is not one:
            return
        if not one.serves and future.exception() is None:
            say(self._end, Offered(one.seek.machine, one.seek.number, future.result()))
        else:
            self._agent_ended(one, future)

    def _agent_ended(self, one: _Sought, future: "Future[tuple[int, str]]") -> None:
        seek = one.seek
        status, text = _outcome(future)
        _end_actor(one.actor)
        one.serves = False
        say(self._end, AgentEnded(seek.machine, seek.number, status, text))
        if status == 0:
            return
        if time.monotonic() - one.since > LONG_S:
            one.failures = 0
        one.seek = msgspec.structs.replace(seek, number=seek.number + 1)
        one.again_at = time.monotonic() + AGAIN_S[min(one.failures, len(AGAIN_S) - 1)]
        one.failures += 1


def _outcome(future: "Future[tuple[int, str]]") -> tuple[int | None, str]:
    error = future.exception()
    if error is None:
        return future.result()
    lines = [line.strip() for line in str(error).strip().split("\n") if line.strip()]
    cause = next((line for line in reversed(lines) if "Error: " in line), lines[0] if lines else "")
    return None, cause or type(error).__name__


def _end_actor(actor: Any) -> None:
    import ray

    if actor is not None:
        ray.kill(actor, no_restart=True)
