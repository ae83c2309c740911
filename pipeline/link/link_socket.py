"""The socket of a link: one connection between two machines, which is never made twice."""

import logging
import socket
import time
from collections.abc import Sequence

import zmq
from msgspec import Struct

from framewire.pipeline.link.greeting import Greeting, StrangerError
from framewire.pipeline.link.incoming import Incoming, LinkEndedError, Place
from framewire.pipeline.link.outgoing import Outgoing, Part
from framewire.pipeline.link.seal import Sealed

GREETING_S = 3.0
"""How long an end may take to show that it knows the secret."""
GREETED_MAX = 16
"""Who may be greeted at once: one more, and whoever came first is sent away."""

log = logging.getLogger("framewire.link")


class LinkLostError(Exception):
    """The connection is lost, or was never made."""


class LinkBoot(Struct, frozen=True):
    """What one end of a link needs: the machines, where the other end is, and what both know.

    The end that listens does so at `host`, at any port; the other finds it at `host` and `port`. `secret` is that of
    this link in this run, and came over the line, which is encrypted. Of the stages at the other end, only those that
    are `looking` get pixels. Of what stages in `unseen` send, no viewer gets pictures.
    """

    here: str
    there: str
    listens: bool
    host: str
    port: int
    secret: bytes
    is_sealed: bool
    pixels: str
    looking: tuple[str, ...]
    unseen: tuple[str, ...]


class LinkSocket:
    """One end; it is of no more use once the connection is lost.

    Example:
        link = LinkSocket(boot, poller, place)
        link.run()                      # whenever the poller says that something is readable or writable
        while (header := link.waiting()) is not None: ...
        link.send([header, pixels])
    """

    def __init__(self, boot: LinkBoot, poller: zmq.Poller, place: Place) -> None:
        """The poller learns what to wait for. Raises OSError if it cannot listen, LinkLostError if it cannot dial."""
        self._boot = boot
        self._poller = poller
        self._listening: socket.socket | None = None
        self._guests: list[_Guest] = []
        self._connection: socket.socket | None = None
        self._outgoing = Outgoing()
        self._incoming = Incoming(place)
        self._waits_to_send = False
        self.is_lost = False
        self.refused = 0
        """Who came and did not know the secret, or did not speak our language."""
        if boot.listens:
            self._listening = _listening(boot.host)
            self._poller.register(self._listening, zmq.POLLIN)
        else:
            try:
                self._greet(socket.create_connection((boot.host, boot.port), GREETING_S))
            except OSError as error:
                raise LinkLostError from error

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._listening is not None
        return int(self._listening.getsockname()[1])

    @property
    def is_up(self) -> bool:
        """Whether both ends know each other."""
        return self._connection is not None

    @property
    def received_bytes(self) -> int:
        """Since it was made."""
        return self._incoming.received_bytes

    @property
    def sent_bytes(self) -> int:
        """Since it was made."""
        return self._outgoing.sent_bytes

    def run(self) -> None:
        """Greet who has come, and send what waits, as far as that can be done now."""
        if self._connection is None:
            self._run_greetings()
        if self._connection is not None:
            self._flush()

    def waiting(self) -> bytes | None:
        """The header of the next message, whose parts are placed; None if none is whole."""
        if self._connection is None or self.is_lost:
            return None
        try:
            return self._incoming.receive(self._connection)
        except (LinkEndedError, OSError) as error:
            self._lose(error)
            return None

    def send(self, parts: Sequence[Part]) -> None:
        """Send without copying: what is behind a part must not change before it has gone. Before it is up, wait."""
        self._outgoing.put(parts)

    def close(self) -> None:
        """Close it."""
        self._send_away(self._guests)
        self._stop_listening()
        if self._connection is not None:
            self._connection.close()

    def _run_greetings(self) -> None:
        while self._listening is not None:
            try:
                self._greet(self._listening.accept()[0])
            except (BlockingIOError, ConnectionError):
                break
        now = time.monotonic()
        for guest in self._guests:
            guest.run(now)
        if not self._boot.listens and any(guest.is_gone for guest in self._guests):
            self._lose("the other end does not know the secret of this link")
        self._send_away([guest for guest in self._guests if guest.is_gone])
        for guest in self._guests:
            if guest.greeting.needs == 0:
                self._admit(guest)
                break

    def _greet(self, connected: socket.socket) -> None:
        connected.setblocking(False)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if len(self._guests) >= GREETED_MAX:
            self._send_away(self._guests[:1])
        guest = _Guest(connected, Greeting(self._boot.secret, self._boot.listens, self._boot.is_sealed))
        self._guests.append(guest)
        self._poller.register(connected, zmq.POLLIN)
        guest.run(time.monotonic())

    def _admit(self, guest: "_Guest") -> None:
        """From now on it is the connection, and there will be no other."""
        self._guests.remove(guest)
        self._send_away(self._guests)
        self._stop_listening()
        if self._boot.is_sealed:
            self._outgoing.seal = self._incoming.seal = Sealed(guest.greeting.agreed, self._boot.listens)
        self._connection = guest.socket

    def _flush(self) -> None:
        assert self._connection is not None
        if self.is_lost:
            return
        try:
            has_gone = self._outgoing.send(self._connection)
        except OSError as error:
            self._lose(error)
            return
        if self._waits_to_send == has_gone:
            self._waits_to_send = not has_gone
            self._poller.modify(self._connection, zmq.POLLIN if has_gone else zmq.POLLIN | zmq.POLLOUT)

    def _lose(self, why: object) -> None:
        """The connection is of no more use: wait no longer for it."""
        log.debug("the link from %s to %s: %s", self._boot.here, self._boot.there, why)
        self.is_lost = True
        if self._connection is not None:
            self._poller.unregister(self._connection)

    def _stop_listening(self) -> None:
        if self._listening is not None:
            self._poller.unregister(self._listening)
            self._listening.close()
            self._listening = None

    def _send_away(self, guests: "Sequence[_Guest]") -> None:
        for guest in list(guests):
            self._guests.remove(guest)
            self._poller.unregister(guest.socket)
            guest.socket.close()
            self.refused += 1


class _Guest:
    """Somebody who has connected, and has yet to prove knowledge of the secret."""

    def __init__(self, connected: socket.socket, greeting: Greeting) -> None:
        self.socket = connected
        self.greeting = greeting
        self.is_gone = False
        self._until = time.monotonic() + GREETING_S
        self._heard = b""

    def run(self, now: float) -> None:
        """Say and hear what can be said and heard now."""
        try:
            self._talk()
        except BlockingIOError:
            pass
        except (OSError, StrangerError):
            self.is_gone = True
        self.is_gone = self.is_gone or now >= self._until

    def _talk(self) -> None:
        """Raises BlockingIOError once the other has to speak; OSError, StrangerError."""
        while True:
            if self.greeting.outgoing:
                # A hundred bytes always fit into the buffer of a new connection.
                self.socket.sendall(self.greeting.outgoing)
                self.greeting.outgoing = b""
            if not self.greeting.needs:
                return
            heard = self.socket.recv(self.greeting.needs - len(self._heard))
            if not heard:
                raise StrangerError("it has gone")
            self._heard += heard
            if len(self._heard) == self.greeting.needs:
                heard, self._heard = self._heard, b""
                self.greeting.take(heard)


def _listening(host: str) -> socket.socket:
    """Raises OSError."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[
        0
    ]
    listening = socket.socket(family, kind, protocol)
    try:
        listening.bind(address)
        listening.listen()
        listening.setblocking(False)
    except OSError:
        listening.close()
        raise
    return listening
