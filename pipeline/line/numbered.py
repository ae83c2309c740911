"""One end of a line on which nothing is lost, doubled or swapped, though the connection under it may lose messages.

ZeroMQ reconnects after a cut and silently drops what was on its way (libzmq #3392). So each message has a number, is
kept until the other end acknowledges it, and is sent again from there on if that end is heard and still lacks it.
"""

from collections import deque

import msgspec
from msgspec import Struct

KEPT_BYTES_MAX = 64 * 2**20
"""Unacknowledged bytes beyond which the other end counts as lost: minutes of reports."""
AGAIN_S = 0.5
"""How long an acknowledgement may take before its message is sent again: more than a round trip between continents."""
OWED_MAX = 64
"""Messages after which an acknowledgement is sent even if there is nothing to say."""
LOOSE = 0
"""The number of a message that may be lost."""


class Frame(Struct, frozen=True, array_like=True):
    """A message on the line; `acknowledged` is the highest number that this end has taken."""

    number: int
    acknowledged: int
    payload: bytes


class LineFullError(Exception):
    """The other end has acknowledged nothing for too long."""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Frame)


def decode_frame(raw: bytes) -> Frame:
    """Decode a message. Raises msgspec.DecodeError."""
    return _decoder.decode(raw)


class LineEnd:
    """One end; times are seconds of any monotonic clock.

    Example:
        ours, theirs = LineEnd(), LineEnd()
        raw = ours.send(b"settled", now)
        theirs.take(decode_frame(raw), now)      # b"settled"; None for a copy, or one that comes too early
        ours.take(decode_frame(theirs.loose(b"")), now)
        ours.again(now)                          # what the other end lacks, due to be sent again
    """

    def __init__(self) -> None:
        self._sent = 0
        self._taken = 0
        self._kept: deque[tuple[int, bytes]] = deque()
        self._kept_bytes = 0
        self._sent_at = 0.0
        self._owed = 0
        self._is_heard = False

    def send(self, payload: bytes, now: float) -> bytes:
        """A numbered message, to be put on the line. Raises LineFullError."""
        if self._kept_bytes + len(payload) > KEPT_BYTES_MAX:
            raise LineFullError
        if not self._kept:
            self._sent_at = now
        self._sent += 1
        self._kept.append((self._sent, payload))
        self._kept_bytes += len(payload)
        return self._frame(self._sent, payload)

    def loose(self, payload: bytes) -> bytes:
        """A message that may be lost; it acknowledges, too."""
        return self._frame(LOOSE, payload)

    def take(self, frame: Frame, now: float) -> bytes | None:
        """What a message from the other end says; None if that was heard before, or cannot be heard yet."""
        self._acknowledged(frame.acknowledged, now)
        self._is_heard = True
        if frame.number == LOOSE:
            return frame.payload
        self._owed += 1
        if frame.number != self._taken + 1:
            return None
        self._taken = frame.number
        return frame.payload

    @property
    def owes(self) -> bool:
        """Whether the other end should be told what has arrived, with whatever message."""
        return self._owed >= OWED_MAX

    def again(self, now: float) -> list[bytes]:
        """What to send again: all that is kept, if the other end has been heard since and has taken none for a while.

        An end that is silent is not flooded.
        """
        if not self._kept or not self._is_heard or now - self._sent_at < AGAIN_S:
            return []
        self._sent_at, self._is_heard = now, False
        return [self._frame(number, payload) for number, payload in self._kept]

    def _acknowledged(self, number: int, now: float) -> None:
        while self._kept and self._kept[0][0] <= number:
            self._kept_bytes -= len(self._kept.popleft()[1])
            self._sent_at = now

    def _frame(self, number: int, payload: bytes) -> bytes:
        self._owed = 0
        return _encoder.encode(Frame(number, self._taken, payload))
