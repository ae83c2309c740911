"""Signals: waking a waiting loop when one arrives, and their names."""

import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM)
"""What a user, or the system, sends to end a run."""


def is_running(pid: int) -> bool:
    """Whether there is a process of that number that has not ended: a zombie has."""
    return _state(pid) not in ("", "Z", "X")


def is_stopped(pid: int) -> bool:
    """Whether somebody has stopped a process (SIGSTOP, a debugger)."""
    return _state(pid) in ("T", "t")


def _state(pid: int) -> str:
    """The letter of proc(5); empty if there is no such process."""
    try:
        # The state follows the name, which is in parentheses and may hold any character.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return ""


@contextmanager
def waking(handler: Callable[[int, FrameType | None], None]) -> Iterator[socket.socket]:
    """Inside, `handler` gets signals that would end the process, and any signal makes the socket readable."""
    woken, wake = socket.socketpair()
    wake.setblocking(False)
    before = {number: signal.signal(number, handler) for number in ENDING}
    old_wake = signal.set_wakeup_fd(wake.fileno())
    try:
        yield woken
    finally:
        signal.set_wakeup_fd(old_wake)
        for number, old in before.items():
            signal.signal(number, old)
        woken.close()
        wake.close()


def how_it_ended(status: int) -> str:
    """`killed by SIGKILL` for a status of -9, `exit status 1` for 1."""
    return f"killed by {signal_name(-status)}" if status < 0 else f"exit status {status}"


def signal_name(number: int) -> str:
    """`SIGTERM` for 15."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
