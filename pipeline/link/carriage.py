"""How a message crosses a link: a header, and behind it the pixels that the other side does not have yet."""

import msgspec
from msgspec import Struct

from framewire.pipeline.frame.packet import PictureRef

PICTURES_MAX = 64
"""Of one packet."""


class Picture(Struct, frozen=True, array_like=True):
    """One picture of a packet: `ref` as the sender has it.

    If it `goes_home`, `ref` is that of the receiver's own machine, from which the picture came. With `pixels`, they are
    the next part of the message; without, the receiver has them already, unless `ref` names the machine where they
    have stayed.
    """

    name: str
    ref: PictureRef
    goes_home: bool = False
    pixels: bool = False


class Carried(Struct, frozen=True, array_like=True, tag=1):
    """A message for this life of a worker; its packet's pictures are listed beside it, and not in it."""

    worker: str
    incarnation: int
    raw: bytes
    pictures: list[Picture] = []


class Ping(Struct, frozen=True, array_like=True, tag=2):
    """How is the link, and what time is it? `asked_at` is by the sender's clock."""

    asked_at: float


class Pong(Struct, frozen=True, array_like=True, tag=3):
    """The answer; `now` is by the clock of the one that was asked."""

    asked_at: float
    now: float


class Bye(Struct, frozen=True, array_like=True, tag=4):
    """The last word of an end that was told to go: what comes after it is no loss."""


Header = Carried | Ping | Pong | Bye
_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Header] = msgspec.msgpack.Decoder(Header)


class LinkMisheardError(ValueError):
    """Parts that are no message of a link."""


def encode_header(header: Header) -> bytes:
    """The first part of a message."""
    return _encoder.encode(header)


def decode_header(raw: bytes) -> Header:
    """Decode the first part of a message. Raises LinkMisheardError."""
    try:
        return _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise LinkMisheardError(str(error)) from error
