"""The nursery: a process forked from the supervisor before it has any thread, which forks the workers.

It has imported all that the stages need, so workers start and restart in milliseconds, and their code is in memory
once. Nothing in it has used a ZeroMQ socket, a GPU or a thread, so forking is safe. It ends with the supervisor, whose
end of their socket closes however it is killed, and takes the workers with it, and what their stages have started; the
workers die with the nursery by the kernel's parent-death signal.
"""

import ctypes
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

import msgspec
from msgspec import Struct
from setproctitle import setproctitle

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_MESSAGE_BYTES_MAX = 2**20


class Spawn(Struct, frozen=True, tag=True):
    """Start a worker; `token` comes back with its pid."""

    token: str
    boot: bytes


class Born(Struct, frozen=True, tag=True):
    """A worker has started."""

    token: str
    pid: int


class Died(Struct, frozen=True, tag=True):
    """A worker has ended: `status` is its exit status, or minus the signal that ended it."""

    pid: int
    status: int


_decode_order: "msgspec.msgpack.Decoder[Spawn]" = msgspec.msgpack.Decoder(Spawn)
_decode_news: "msgspec.msgpack.Decoder[Born | Died]" = msgspec.msgpack.Decoder(Born | Died)


class Nursery:
    """The supervisor's side. Make it before anything that starts a thread."""

    def __init__(self, title: str, life: Callable[[bytes], int]) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        supervisor = os.getpid()
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            # Whatever happens, this copy of the caller must never continue as the caller.
            try:
                self._socket.close()
                # It must be able to see that the supervisor is gone, even if somebody has stopped it.
                _at_death_of(supervisor, signal.SIGCONT)
                setproctitle(title)
                _serve(theirs, life)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(1)
        theirs.close()

    def fileno(self) -> int:
        """For a poller: readable when there is news."""
        return self._socket.fileno()

    def spawn(self, token: str, boot: bytes) -> None:
        """Request a worker; `news` reports its birth."""
        self._socket.send(msgspec.msgpack.encode(Spawn(token, boot)))

    def news(self) -> Born | Died:
        """Wait for the next birth or death. Raises EOFError if the nursery itself is dead."""
        raw = _receive(self._socket)
        if not raw:
            raise EOFError("the process that starts the workers has died")
        return _decode_news.decode(raw)

    def close(self) -> None:
        """End the nursery and any remaining workers, and wait for it."""
        self._socket.close()
        os.waitpid(self.pid, 0)


def _at_death_of(parent: int, number: int) -> None:
    """Get this signal when the parent dies."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        # The parent died before the signal was set up.
        os._exit(1)


def _serve(orders: socket.socket, life: Callable[[bytes], int]) -> NoReturn:
    # Ctrl-C reaches the whole foreground group; only the supervisor handles it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    alive: set[int] = set()
    while True:
        readable, _, _ = select.select([orders.fileno(), woken], [], [])
        if woken in readable:
            os.read(woken, 4096)
            _report_deaths(orders, alive)
        if orders.fileno() in readable:
            raw = _receive(orders)
            if not raw:
                # The supervisor is done with us, or dead.
                for pid in alive:
                    kill_group(pid)
                os._exit(0)
            order = _decode_order.decode(raw)
            pid = _fork(orders, order.boot, life)
            alive.add(pid)
            _tell(orders, Born(order.token, pid))


def _lead_group(pid: int) -> None:
    """Let a worker (0: this process) lead a group of its own. Parent and child both do it: whoever comes first."""
    with suppress(ProcessLookupError, PermissionError):
        os.setpgid(pid, 0)


def _receive(end: socket.socket) -> bytes:
    try:
        return end.recv(_MESSAGE_BYTES_MAX)
    except ConnectionResetError:
        # The other end closed with our last message unread.
        return b""


def _report_deaths(orders: socket.socket, alive: set[int]) -> None:
    while True:
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if ended is None:
            return
        # Before it is reaped: until then nobody else can have the number of its group.
        kill_group(ended.si_pid)
        alive.discard(ended.si_pid)
        _, status = os.waitpid(ended.si_pid, 0)
        _tell(orders, Died(ended.si_pid, os.waitstatus_to_exitcode(status)))


def kill_group(leader: int) -> None:
    """End a worker, and what its stages have started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def _tell(orders: socket.socket, news: Born | Died) -> None:
    # Nobody may be left to tell: the end of the orders says so next, and then what is alive is ended first.
    with suppress(BrokenPipeError, ConnectionResetError):
        orders.send(msgspec.msgpack.encode(news))


def _fork(orders: socket.socket, boot: bytes, life: Callable[[bytes], int]) -> int:
    nursery = os.getpid()
    pid = os.fork()
    if pid:
        _lead_group(pid)
        return pid
    status = 1
    try:
        _lead_group(0)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        orders.close()
        _at_death_of(nursery, signal.SIGKILL)
        status = life(boot)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
