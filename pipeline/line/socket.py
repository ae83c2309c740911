"""The sockets of the line: ZeroMQ over TCP with CURVE, admitting known keys alone, counting whoever else comes."""

import logging
from collections.abc import Container

import zmq
from msgspec import Struct
from zmq.auth.thread import ThreadAuthenticator
from zmq.utils.monitor import recv_monitor_message

from framewire.pipeline.line.keys import AgentKey, RunKeys
from framewire.pipeline.wire.inbox import MESSAGE_BYTES_MAX

HEARTBEAT_MS = 500
SILENCE_MS = 1500
"""Silence after which a connection is made anew."""
RECONNECT_MS = 100
RECONNECT_MAX_MS = 1000
CONNECT_MS = 1000
LINE_BYTES_MAX = 2 * MESSAGE_BYTES_MAX
"""A relayed message, and what is around it."""

ZmqContext = zmq.Context["zmq.Socket[bytes]"]


class Heard(Struct, frozen=True):
    """A message: from which machine, by its key, and from which life of its agent."""

    machine: str
    session: bytes
    raw: bytes


class RunSocket:
    """The run's end of all lines: one socket, at an address that the user has named."""

    def __init__(self, host: str, port: int, keys: RunKeys) -> None:
        """Raises zmq.ZMQError if the address cannot be had."""
        self._context: ZmqContext = zmq.Context()
        self._machines = {public: machine for machine, public in keys.machines.items()}
        self.refused = 0
        """Connections that ended without a word in our language: with another key, from a scanner."""
        self._speaking: set[int] = set()
        self._authenticator = gate(self._context, self._machines)
        self.socket = self._context.socket(zmq.ROUTER)
        prepare(self.socket, host)
        self.socket.curve_server = True
        self.socket.curve_publickey, self.socket.curve_secretkey = keys.public.encode(), keys.secret.encode()
        self.socket.setsockopt(zmq.ROUTER_HANDOVER, 1)
        self.socket.setsockopt(zmq.ROUTER_MANDATORY, 0)
        self.monitor = self.socket.get_monitor_socket(zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED)
        try:
            self.socket.bind(f"tcp://{bracketed(host)}:{port}")
        except zmq.ZMQError:
            self.close()
            raise

    @property
    def address(self) -> str:
        """Where agents find it."""
        return self.socket.getsockopt_string(zmq.LAST_ENDPOINT).removeprefix("tcp://")

    def admit(self, public: str, machine: str) -> None:
        """From now on an agent with this key serves that machine."""
        self._machines[public] = machine

    def count_strangers(self) -> None:
        """Count who has gone without having said anything. Call it when no message waits."""
        while self.monitor.poll(0):
            news = recv_monitor_message(self.monitor)
            if news["event"] == zmq.EVENT_DISCONNECTED and news["value"] not in self._speaking:
                self.refused += 1
            self._speaking.discard(news["value"])

    def waiting(self) -> Heard | None:
        """The next message; None if none is waiting."""
        if not int(self.socket.getsockopt(zmq.EVENTS)) & zmq.POLLIN:
            return None
        session, raw = self.socket.recv_multipart(zmq.NOBLOCK, copy=False)[:2]
        self._speaking.add(int(raw.get(zmq.SRCFD)))
        return Heard(self._machines[str(raw.get("User-Id"))], session.bytes, raw.bytes)

    def send(self, session: bytes, raw: bytes) -> None:
        """Send to an agent; lost if there is no connection: the line sends it again."""
        self.socket.send_multipart([session, raw])

    def close(self, linger_ms: int = 0) -> None:
        """Close the sockets; what was sent last has `linger_ms` to go."""
        closing(self.socket, self.monitor, linger_ms)
        self._authenticator.stop()
        self._context.term()


class _Gate:
    """Admits these public keys; asked in a thread of its own."""

    def __init__(self, admitted: Container[str]) -> None:
        self._admitted = admitted

    def callback(self, _domain: str, key: bytes) -> bool:
        """Whether to admit the owner of this public key."""
        return key.decode() in self._admitted


def gate(context: ZmqContext, admitted: Container[str]) -> ThreadAuthenticator:
    """From now on, CURVE servers of this context admit these public keys alone, until it is stopped."""
    logging.getLogger("zmq.auth").setLevel(logging.CRITICAL)
    authenticator = ThreadAuthenticator(context)
    authenticator.start()
    authenticator.configure_curve_callback(domain="*", credentials_provider=_Gate(admitted))
    return authenticator


def closing(socket: "zmq.Socket[bytes]", monitor: "zmq.Socket[bytes]", linger_ms: int = 0) -> None:
    """Close a socket, and what watches it."""
    socket.disable_monitor()
    monitor.close(linger=0)
    socket.close(linger=linger_ms)


class AgentSocket:
    """An agent's end."""

    def __init__(self, host: str, port: int, key: AgentKey, session: bytes) -> None:
        """`session` names this life of the agent."""
        self._context: ZmqContext = zmq.Context()
        self.socket = self._context.socket(zmq.DEALER)
        prepare(self.socket, host)
        self.socket.setsockopt(zmq.IDENTITY, session)
        self.socket.curve_serverkey = key.run.encode()
        self.socket.curve_publickey, self.socket.curve_secretkey = key.public.encode(), key.secret.encode()
        self.monitor = self.socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        self.socket.connect(f"tcp://{bracketed(host)}:{port}")

    def waiting(self) -> bytes | None:
        """The next message; None if none is waiting."""
        if not int(self.socket.getsockopt(zmq.EVENTS)) & zmq.POLLIN:
            return None
        return self.socket.recv(zmq.NOBLOCK)

    def has_lost_connection(self) -> bool:
        """Whether the connection has ended since this was asked last."""
        is_lost = False
        while self.monitor.poll(0):
            recv_monitor_message(self.monitor)
            is_lost = True
        return is_lost

    def send(self, raw: bytes) -> None:
        """Send; never blocks."""
        self.socket.send(raw)

    def close(self) -> None:
        """Close the sockets."""
        closing(self.socket, self.monitor)
        self._context.term()


def prepare(socket: "zmq.Socket[bytes]", host: str, bytes_max: int = LINE_BYTES_MAX) -> None:
    """Set what all sockets between machines have; no part may be larger than `bytes_max`."""
    socket.setsockopt(zmq.IPV6, ":" in host or not host.replace(".", "").isdigit())
    for option, value in {
        zmq.SNDHWM: 0,
        zmq.RCVHWM: 0,
        zmq.LINGER: 0,
        zmq.MAXMSGSIZE: bytes_max,
        zmq.HEARTBEAT_IVL: HEARTBEAT_MS,
        zmq.HEARTBEAT_TIMEOUT: SILENCE_MS,
        zmq.RECONNECT_IVL: RECONNECT_MS,
        zmq.RECONNECT_IVL_MAX: RECONNECT_MAX_MS,
        zmq.CONNECT_TIMEOUT: CONNECT_MS,
        zmq.HANDSHAKE_IVL: 2 * CONNECT_MS,
    }.items():
        socket.setsockopt(option, value)


def bracketed(host: str) -> str:
    """The host as it stands in an address."""
    return f"[{host}]" if ":" in host else host
