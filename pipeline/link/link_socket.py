"""The socket of a link: one connection between two machines, which is never made twice."""

from collections.abc import Sequence

import zmq
from msgspec import Struct
from zmq.utils.monitor import recv_monitor_message

from framewire.pipeline.line.socket import bracketed, closing, gate, prepare

PART_BYTES_MAX = 2**30
"""A picture of 16,384 x 16,384 pixels, and more."""

Part = bytes | memoryview
ZmqContext = zmq.Context["zmq.Socket[bytes]"]


class LinkBoot(Struct, frozen=True):
    """What one end of a link needs: the machines, where the other end is, and keys (Z85 text).

    The end that listens does so at `host`, at any port; the other finds it at `host` and `port`. Of the stages at the
    other end, only those that are `looking` get pixels. Of what stages in `unseen` send, no viewer gets pictures.
    """

    here: str
    there: str
    listens: bool
    host: str
    port: int
    public: str
    secret: str
    other: str
    pixels: str
    looking: tuple[str, ...]
    unseen: tuple[str, ...]


class LinkSocket:
    """One end; it is of no more use once the connection is lost."""

    def __init__(self, boot: LinkBoot) -> None:
        """Raises zmq.ZMQError if it cannot listen."""
        self._context: ZmqContext = zmq.Context()
        self.socket = self._context.socket(zmq.DEALER)
        prepare(self.socket, boot.host, PART_BYTES_MAX)
        # A reader waits for no picture that is older than the window.
        self._authenticator = gate(self._context, {boot.other}) if boot.listens else None
        self.socket.curve_publickey, self.socket.curve_secretkey = boot.public.encode(), boot.secret.encode()
        self.monitor = self.socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        self._peer: int | None = None
        self.received_bytes = 0
        self.sent_bytes = 0
        try:
            if boot.listens:
                self.socket.curve_server = True
                self.socket.bind(f"tcp://{bracketed(boot.host)}:0")
            else:
                self.socket.curve_serverkey = boot.other.encode()
                self.socket.connect(f"tcp://{bracketed(boot.host)}:{boot.port}")
        except zmq.ZMQError:
            self.close()
            raise

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.socket.getsockopt_string(zmq.LAST_ENDPOINT).rpartition(":")[2])

    @property
    def is_lost(self) -> bool:
        """Whether the connection has ended: not that of a stranger, who was never admitted."""
        lost = False
        while self.monitor.poll(0):
            news = recv_monitor_message(self.monitor)
            lost = lost or self._peer in (None, news["value"])
        return lost and self._peer is not None

    def waiting(self) -> "list[zmq.Frame] | None":
        """The parts of the next message; None if none is waiting."""
        if not int(self.socket.getsockopt(zmq.EVENTS)) & zmq.POLLIN:
            return None
        parts = self.socket.recv_multipart(zmq.NOBLOCK, copy=False)
        self._peer = int(parts[0].get(zmq.SRCFD))
        self.received_bytes += sum(len(part) for part in parts)
        return parts

    def send(self, parts: Sequence[Part]) -> None:
        """Send without copying: what is behind a part must not change before it has gone."""
        self.sent_bytes += sum(memoryview(part).nbytes for part in parts)
        self.socket.send_multipart(list(parts), copy=False)

    def close(self) -> None:
        """Close it."""
        closing(self.socket, self.monitor)
        if self._authenticator is not None:
            self._authenticator.stop()
        self._context.term()
