"""What a program and the run that it has started say to each other, over a socket that ties them together."""

import socket
from typing import Any

import msgspec
from msgspec import Struct

from framewire.pipeline.seen.summary import Summary

BYTES_MAX = 2**24
IN_CODE = "<graph>"
"""What a graph made in code is called where a file's name would stand."""


class Order(Struct, frozen=True, tag=True):
    """Run this: the file `config`, or the `text` of one, which lies as it were in the folder `config`.

    `at` is the stage whose frames the guest gets, empty for the one that feeds all sinks; None: there is no guest.
    Without `out` the sinks of the graph are left out, and nothing is written.
    """

    config: str
    text: str | None
    source: str | None
    overrides: list[str]
    out: str | None
    at: str | None
    http: str | None
    resume: bool = False
    feeds: bool = False
    """Whether the program is the source itself."""


class Fault(Struct, frozen=True):
    """An error of a pipeline file: see ConfigError."""

    file: str
    line: int
    column: int
    text: str


class Refused(Struct, frozen=True, tag=True):
    """The run cannot begin."""

    text: str
    faults: list[Fault] = []


class Invited(Struct, frozen=True, tag=True):
    """The guest may join: `boot` is that of a worker."""

    boot: bytes


class Over(Struct, frozen=True, tag=True):
    """The run is over."""

    outcome: str
    summary: Summary


Said = Refused | Invited | Over

_decoder: "msgspec.msgpack.Decoder[Said]" = msgspec.msgpack.Decoder(Said)


def send(end: socket.socket, message: Any) -> None:
    """Send one. Raises OSError if nobody is there."""
    raw = msgspec.msgpack.encode(message)
    end.sendall(len(raw).to_bytes(4, "little") + raw)


def receive(end: socket.socket) -> Said | None:
    """The next that a run says; None if it is gone."""
    raw = receive_raw(end)
    return _decoder.decode(raw) if raw else None


def receive_raw(end: socket.socket) -> bytes:
    """The next message; empty if the other end is gone."""
    length = int.from_bytes(_exactly(end, 4), "little")
    return _exactly(end, length) if 0 < length <= BYTES_MAX else b""


def _exactly(end: socket.socket, count: int) -> bytes:
    parts = bytearray()
    while len(parts) < count:
        try:
            part = end.recv(count - len(parts))
        except ConnectionResetError:
            return b""
        if not part:
            return b""
        parts += part
    return bytes(parts)
