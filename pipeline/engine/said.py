"""What a run and the process that speaks with Ray say to each other, over a socket pair that keeps messages whole."""

import socket

import msgspec
from msgspec import Struct

BYTES_MAX = 2**18


class Seek(Struct, frozen=True, tag=True):
    """To the keeper: have an agent started where a machine is that offers this, and another should it end.

    `number` counts the agents sought for a machine: one that has been replaced meanwhile is not sought again.
    """

    machine: str
    number: int
    join: str
    run_key: str
    out: str
    folder: str
    is_spread: bool
    cpus: float
    gpus: float
    resources: dict[str, float]


class Admit(Struct, frozen=True, tag=True):
    """To the keeper: the run admits the key that was offered by the agent of that number."""

    machine: str
    number: int


class Over(Struct, frozen=True, tag=True):
    """To the keeper: the run is over. The agents of these machines know it, and end when their files are whole."""

    machines: list[str]


class Joined(Struct, frozen=True, tag=True):
    """From the keeper: it is in the cluster, which knows this machine by this address."""

    host: str


class Refused(Struct, frozen=True, tag=True):
    """From the keeper, its last words: there is no such cluster, or none that we may use."""

    text: str


class Offered(Struct, frozen=True, tag=True):
    """From the keeper: there is a place for this agent, which has made itself this public key."""

    machine: str
    number: int
    public: str


class AgentEnded(Struct, frozen=True, tag=True):
    """From the keeper: the agent of that number has ended with this exit status; None: Ray has lost it."""

    machine: str
    number: int
    status: int | None
    text: str


ToKeeper = Seek | Admit | Over
FromKeeper = Joined | Refused | Offered | AgentEnded

_encoder = msgspec.msgpack.Encoder()
_to_keeper: msgspec.msgpack.Decoder[ToKeeper] = msgspec.msgpack.Decoder(ToKeeper)
_from_keeper: msgspec.msgpack.Decoder[FromKeeper] = msgspec.msgpack.Decoder(FromKeeper)


def say(end: socket.socket, message: ToKeeper | FromKeeper) -> None:
    """Send a message. Raises OSError if nobody is left to hear it."""
    end.send(_encoder.encode(message))


def hear_run(end: socket.socket) -> ToKeeper | None:
    """The next message to the keeper; None: the run is gone."""
    raw = _receive(end)
    return _to_keeper.decode(raw) if raw else None


def hear_keeper(end: socket.socket) -> FromKeeper | None:
    """The next message from the keeper; None: it is gone."""
    raw = _receive(end)
    return _from_keeper.decode(raw) if raw else None


def _receive(end: socket.socket) -> bytes:
    try:
        return end.recv(BYTES_MAX)
    except ConnectionResetError:
        # The other end closed with our last message unread.
        return b""
