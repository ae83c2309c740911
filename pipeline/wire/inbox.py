"""How messages move between the processes of one machine: every process has one inbox that all others push into.

ZeroMQ PUSH and PULL sockets over ipc. They are in Linux' abstract namespace, so no file is left behind, whoever is
killed; the kernel identifies peers, and only processes of the same user are admitted.
"""

import os
import secrets
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress

import zmq

MESSAGE_BYTES_MAX = 16 * 2**20
"""A packet is hundreds of bytes; one with ten thousand detections is a megabyte. More is invalid."""
LOOSE_MAX = 4
"""Pictures that may wait for a viewer: more would only add delay."""
_IPC_FILTER_UID = 59
"""ZMQ_IPC_FILTER_UID of libzmq's zmq.h, which pyzmq does not name: admits only connections of this user id."""


def new_endpoint(pipeline: str, process: str) -> str:
    """A fresh, unguessable address for an inbox."""
    return f"ipc://@framewire/{pipeline[:16]}/{process[:32]}/{secrets.token_hex(8)}"


class Inbox:
    """The receiving end: one per process, owned by one thread."""

    def __init__(self, context: "zmq.Context[zmq.Socket[bytes]]", endpoint: str) -> None:
        self.endpoint = endpoint
        self._socket = context.socket(zmq.PULL)
        self._socket.setsockopt(zmq.RCVHWM, 0)
        self._socket.setsockopt(zmq.MAXMSGSIZE, MESSAGE_BYTES_MAX)
        self._socket.setsockopt(zmq.LINGER, 0)
        if sys.platform == "linux":
            self._socket.setsockopt(_IPC_FILTER_UID, os.getuid())
        self._socket.bind(endpoint)

    @property
    def socket(self) -> "zmq.Socket[bytes]":
        """The socket, for a poller that waits for more than messages."""
        return self._socket

    def waiting(self) -> bytes | None:
        """The next message, or None if none is waiting."""
        # Reading EVENTS makes libzmq check peers that were silent. Without it, it does so once in a hundred
        # messages while others keep it busy, and one of two streams stalls for seconds.
        if not int(self._socket.getsockopt(zmq.EVENTS)) & zmq.POLLIN:
            return None
        return self._socket.recv(zmq.NOBLOCK)

    def wait(self, timeout_s: float | None) -> bytes | None:
        """The next message; None after the timeout. Without a timeout it waits forever."""
        if timeout_s is not None and not self._socket.poll(max(0, round(timeout_s * 1000))):
            return None
        return self._socket.recv()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


class Outbox:
    """The sending end of one inbox, for any thread. What it sent to an inbox that is gone is lost."""

    def __init__(
        self,
        context: "zmq.Context[zmq.Socket[bytes]]",
        endpoint: str,
        linger_ms: int = 0,
        waiting_max: int = 0,
    ) -> None:
        self.endpoint = endpoint
        self._lock = threading.Lock()
        self._socket = context.socket(zmq.PUSH)
        self._socket.setsockopt(zmq.SNDHWM, waiting_max)
        self._socket.setsockopt(zmq.LINGER, linger_ms)
        self._socket.connect(endpoint)

    def send(self, raw: bytes) -> None:
        """Send; never blocks: the window bounds what is in flight."""
        with self._lock:
            self._socket.send(raw, copy=True)

    def send_or_lose(self, raw: bytes) -> None:
        """Send, or drop it if `waiting_max` messages wait already."""
        with suppress(zmq.Again):
            self._socket.send(raw, zmq.NOBLOCK, copy=True)

    def close(self) -> None:
        """Close the socket; what was not sent within the linger time is lost."""
        self._socket.close()


class Waker:
    """Puts one message into an inbox, from any thread."""

    def __init__(self, context: "zmq.Context[zmq.Socket[bytes]]", endpoint: str, raw: bytes) -> None:
        self._context = context
        self._endpoint = endpoint
        self._raw = raw
        self._lock = threading.Lock()
        self._outbox: Outbox | None = None
        self._closed = False

    def __call__(self) -> None:
        """Wake the owner of the inbox; does nothing once closed."""
        with self._lock:
            if self._closed:
                return
            if self._outbox is None:
                self._outbox = Outbox(self._context, self._endpoint)
            self._outbox.send(self._raw)

    def close(self) -> None:
        """Close the socket."""
        with self._lock:
            self._closed = True
            if self._outbox is not None:
                self._outbox.close()


class Outboxes:
    """The outboxes of a process to its peers, opened when first used, closed when a peer has moved."""

    def __init__(self, context: "zmq.Context[zmq.Socket[bytes]]") -> None:
        self._context = context
        self._endpoints: dict[str, str] = {}
        self._forward: dict[str, Callable[[bytes], bytes]] = {}
        self._open: dict[str, Outbox] = {}
        self._loose: Outbox | None = None

    def readdress(self, endpoints: dict[str, str], forward: Mapping[str, Callable[[bytes], bytes]] = {}) -> None:
        """Set where these peers are now; those not named have not moved.

        To peers in `forward`, messages go in the form that this makes of them.
        """
        self._endpoints.update(endpoints)
        self._forward = {**self._forward, **forward}
        for peer in [peer for peer, box in self._open.items() if self._endpoints[peer] != box.endpoint]:
            self._open.pop(peer).close()

    def send(self, peer: str, raw: bytes) -> None:
        """Send to a peer by name. Raises KeyError for one that was never announced."""
        box = self._open.get(peer)
        if box is None:
            box = self._open[peer] = Outbox(self._context, self._endpoints[peer])
        form = self._forward.get(peer)
        box.send(raw if form is None else form(raw))

    def send_to(self, endpoint: str, raw: bytes) -> None:
        """Send to an inbox that is not a peer's; lost if a few messages already wait for it."""
        if self._loose is None or self._loose.endpoint != endpoint:
            self._close_loose()
            self._loose = Outbox(self._context, endpoint, waiting_max=LOOSE_MAX)
        self._loose.send_or_lose(raw)

    def close(self) -> None:
        """Close all."""
        self._close_loose()
        for box in self._open.values():
            box.close()
        self._open.clear()

    def _close_loose(self) -> None:
        if self._loose is not None:
            self._loose.close()
