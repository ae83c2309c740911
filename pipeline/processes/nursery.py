"""The nursery: a process without threads, which forks the workers.

It has imported all that the stages need, so workers start and restart in milliseconds, and their code is in memory
once. Nothing in it has used a ZeroMQ socket, a GPU or a thread, so forking is safe. The first is forked from the
supervisor before that has any thread; the next, should it die, is a program of its own. It ends with the supervisor,
whose end of their socket closes however it is killed, and takes the workers with it, and what their stages have
started; the workers die with the nursery by the kernel's parent-death signal.
"""

import os
import select
import signal
import socket
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NoReturn, Self

import msgspec
from msgspec import Struct
from setproctitle import setproctitle

from framewire.pipeline.processes.parent_death import at_death_of
from framewire.pipeline.processes.standard_streams import flush

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


class NurseryDiedError(Exception):
    """The nursery has died, and the workers with it."""


class Nursery:
    """The supervisor's side.

    Example:
        nursery = Nursery.forked("framewire faces nursery", life)   # before anything that starts a thread
        nursery.spawn("detect", boot)
        nursery.news()                                              # Born("detect", 4711)
        nursery.close()
    """

    def __init__(self, pid: int, end: socket.socket) -> None:
        """`end` is ours of the socket pair by which we speak."""
        self.pid = pid
        self._socket = end
        self._status: int | None = None

    @classmethod
    def forked(cls, title: str, life: Callable[[bytes], int]) -> Self:
        """A copy of this process, which must not have any thread yet. Each worker's life is `life(boot)`."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        supervisor = os.getpid()
        flush()
        pid = os.fork()
        if pid == 0:
            # Whatever happens, this copy of the caller must never continue as the caller.
            try:
                ours.close()
                serve(theirs, title, supervisor, life)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(1)
        theirs.close()
        return cls(pid, ours)

    @classmethod
    def executed(cls, argv: Callable[[int], list[str]], inherited: Sequence[int]) -> Self:
        """A new program, which calls `serve`; `argv` makes its arguments from the number of its end of the socket.

        It gets the descriptors `inherited`, too, under their numbers. It is not in our process group: Ctrl-C is ours.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            arguments = argv(theirs.fileno())
            # A descriptor that is duplicated onto itself stays open: POSIX.1-2024, posix_spawn_file_actions_adddup2.
            keep = [(os.POSIX_SPAWN_DUP2, fd, fd) for fd in (theirs.fileno(), *inherited)]
            pid = os.posix_spawn(arguments[0], arguments, os.environ, file_actions=keep, setpgroup=0)
        return cls(pid, ours)

    def fileno(self) -> int:
        """For a poller: readable when there is news."""
        return self._socket.fileno()

    def spawn(self, token: str, boot: bytes) -> None:
        """Request a worker; `news` reports its birth."""
        with suppress(BrokenPipeError, ConnectionResetError):
            # It is dead: that is the next news.
            self._socket.send(msgspec.msgpack.encode(Spawn(token, boot)))

    def news(self) -> Born | Died:
        """Wait for the next birth or death. Raises NurseryDiedError."""
        raw = _receive(self._socket)
        if not raw:
            raise NurseryDiedError
        return _decode_news.decode(raw)

    def kill(self) -> None:
        """End it, and so the workers."""
        os.kill(self.pid, signal.SIGKILL)

    def close(self) -> int:
        """End the nursery and any remaining workers, and wait for it; returns its exit status, or minus the signal."""
        if self._status is None:
            self._socket.close()
            self._status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self._status


def serve(orders: socket.socket, title: str, supervisor: int, life: Callable[[bytes], int]) -> NoReturn:
    """Be the nursery of the process `supervisor`, which is our parent, until that is gone."""
    # It must be able to see that the supervisor is gone, even if somebody has stopped it.
    at_death_of(supervisor, signal.SIGCONT)
    setproctitle(title)
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
        at_death_of(nursery, signal.SIGKILL)
        status = life(boot)
    except BaseException:
        traceback.print_exc()
    finally:
        flush()
        os._exit(status)
