"""One machine as its run knows it: its agent's line and lease, and its workers, reached over that line."""

from collections.abc import Callable

from framewire.pipeline.line.lease import Grant
from framewire.pipeline.line.numbered import LineEnd
from framewire.pipeline.line.said import Kill, LeaseAsked, PassOn, ToAgent, encode_said
from framewire.pipeline.nodes.notes import Call, FrameInHand
from framewire.pipeline.wire.message import Ready


class Machine:
    """A machine; its agent is the one that was welcomed last.

    Example:
        machine.welcome(session, cores, now)
        machine.say(Start("faces-n1#0", boot), now)
        machine.leave(now)                             # its lease is out, or it has said so
    """

    def __init__(self, name: str, lease_s: float, put: Callable[[bytes, bytes], None], now: float) -> None:
        """`put` sends bytes to a session."""
        self.name = name
        self.cores = 0
        self.host = ""
        """The address by which other machines reach it."""
        self.session = b""
        """Names its agent's life; empty while there is none."""
        self.agents = 0
        """How many agents have come."""
        self.continues = False
        """Whether its agent's part of the run had begun before it came."""
        self.must_be_here = False
        """Whether its files had been begun before it came: so they are where its agent writes, or it cannot serve."""
        self.has_worked = False
        """Whether any of its workers was ever ready: then there are files of this run where it was."""
        self.refused = 0
        """Messages that its agents have refused."""
        self.away_since = now
        self.line = LineEnd()
        self._lease_s = lease_s
        self._put = put
        self._grant = Grant(lease_s, now)
        self._heard_at = now
        self._status = LeaseAsked(now)
        self._refused_before = 0

    @property
    def is_here(self) -> bool:
        """Whether an agent serves."""
        return bool(self.session)

    @property
    def over_at(self) -> float:
        """When its agent counts as gone, if it is not heard before."""
        return self._grant.over_at

    def welcome(self, session: bytes, cores: int, host: str, continues: bool, now: float) -> None:
        """An agent serves from now on."""
        self.session, self.cores, self.host = session, cores, host
        self.continues = continues or self.agents > 0
        self.must_be_here = self.has_worked
        self.agents += 1
        self.line = LineEnd()
        self._grant = Grant(self._lease_s, now)
        self._status = LeaseAsked(now)
        self._refused_before = self.refused

    def leave(self, now: float) -> None:
        """Its agent is gone, and all of its workers."""
        self.session, self.away_since = b"", now

    def asked(self, ask: LeaseAsked, now: float) -> None:
        """Its agent asks for the lease, and says how its workers are: it is granted."""
        self._grant.granted(now)
        if ask.busy is None:
            return
        self._status, self._heard_at = ask, now
        self.refused = self._refused_before + ask.refused

    def say(self, message: ToAgent, now: float) -> None:
        """Say something that must arrive. Raises LineFullError."""
        if self.is_here:
            self._put(self.session, self.line.send(encode_said(message), now))

    def whisper(self, message: ToAgent) -> None:
        """Say something that may be lost."""
        self._put(self.session, self.line.loose(encode_said(message)))

    def send_again(self, now: float) -> None:
        """Send what was lost."""
        for raw in self.line.again(now):
            self._put(self.session, raw)

    def call(self, worker: str) -> Call | None:
        """What a worker was on when the agent asked last, by our clock."""
        for busy in self._status.busy or ():
            if busy.worker == worker and busy.frames:
                return Call(busy.frames, None if busy.seconds is None else self._heard_at - busy.seconds)
        return None

    def is_stopped(self, worker: str) -> bool:
        """Whether somebody has stopped a worker's process."""
        return worker in self._status.stopped


class FarHandle:
    """See Handle: a worker on another machine. Its pid and its files mean nothing here."""

    def __init__(self, machine: Machine, worker: str, clock: Callable[[], float]) -> None:
        self._machine = machine
        self._worker = worker
        self._clock = clock
        self._session = machine.session
        self._is_open = False
        self._dead_with: list[FrameInHand] = []

    @property
    def _is_there(self) -> bool:
        return self._machine.session == self._session

    def opened(self, ready: Ready) -> None:
        """See Handle."""
        self._is_open = True
        self._machine.has_worked = True

    def send(self, raw: bytes) -> None:
        """See Handle."""
        if self._is_open and self._is_there:
            self._machine.say(PassOn(self._worker, raw), self._clock())

    def call(self) -> Call | None:
        """See Handle."""
        return self._machine.call(self._worker) if self._is_open and self._is_there else None

    def dies_with(self, frames: list[FrameInHand]) -> None:
        """Its agent has found these frames in its notes."""
        self._dead_with = frames

    def in_hand(self) -> list[FrameInHand]:
        """See Handle."""
        return self._dead_with

    @property
    def is_stopped(self) -> bool:
        """See Handle."""
        return self._is_there and self._machine.is_stopped(self._worker)

    def kill(self) -> None:
        """See Handle."""
        if self._is_there:
            self._machine.say(Kill(self._worker), self._clock())

    def close(self) -> None:
        """See Handle."""
        self._is_open = False
