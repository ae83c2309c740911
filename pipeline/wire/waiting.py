"""What a supervisor, or an agent, waits for: messages, signals, and the news of its crew."""

import socket
from collections.abc import Callable, Iterable

import zmq

WAKES_BYTES = 64
"""Signals that are taken at once."""


class Waiting:
    """Waits for all of it at once; the descriptor of the crew changes when its nursery dies.

    Example:
        waiting = Waiting([inbox.socket], woken, crew.fileno)
        waiting.wait(timeout_ms)        # whether the crew has news; reads nothing else
    """

    def __init__(
        self, sockets: "Iterable[zmq.Socket[bytes]]", woken: socket.socket, crew: Callable[[], int] | None = None
    ) -> None:
        """`woken` is readable when a signal has come; `crew` gives its descriptor, if there is one."""
        self._woken = woken
        self._crew = crew
        self._poller = zmq.Poller()
        for one in sockets:
            self._poller.register(one, zmq.POLLIN)
        self._poller.register(woken.fileno(), zmq.POLLIN)
        self._registered = -1

    def wait(self, timeout_ms: int | None) -> bool:
        """Wait for anything, for so long at most; returns whether the crew has news."""
        if self._crew is not None and (crew := self._crew()) != self._registered:
            if self._registered >= 0:
                self._poller.unregister(self._registered)
            self._poller.register(crew, zmq.POLLIN)
            self._registered = crew
        ready = dict(self._poller.poll(timeout_ms))
        if self._woken.fileno() in ready:
            self._woken.recv(WAKES_BYTES)
        return self._registered in ready
