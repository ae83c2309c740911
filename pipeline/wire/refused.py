"""What a process makes of a message that it refuses: a line in the log, a count, and the frame it was about."""

import logging
from typing import Any, get_args, get_type_hints

import msgspec

from framewire.pipeline.frame.packet import Packet
from framewire.pipeline.wire.message import Deliver, Message

REFUSED = "refused"
"""The reason of a frame whose packet was no valid message."""
TOLD_MAX = 10
"""Refused messages that one process logs; the figures count all."""
TEXT_MAX = 200

_NAMES = {kind.__struct_config__.tag: kind.__name__ for kind in get_args(Message)}
_TYPES: dict[str, Any] = get_type_hints(Packet, include_extras=True)
_ESSENTIAL = ("source", "stream", "seq", "window")
_KEPT = (
    *_ESSENTIAL,
    "mark",
    "pts",
    "time_base",
    "rate",
    "captured",
    "width",
    "height",
    "end",
    "sent",
    "cut",
    "live",
    "taken_ms",
    "file",
)
"""Fields of a packet that the engine sets: what it has of detections and pictures is not to be trusted."""


class Refusals:
    """Counts refused messages, and logs the first few: what each was, who it names, and why it was refused.

    Example:
        refusals = Refusals("video#0")
        try:
            message = decode_for_worker(raw)
        except RefusedError as error:
            refusals.take(raw, error)
    """

    def __init__(self, owner: str) -> None:
        self.count = 0
        self._owner = owner

    def take(self, raw: bytes, why: object) -> None:
        """A message is refused."""
        self.count += 1
        if self.count <= TOLD_MAX:
            log = logging.getLogger("framewire")
            log.error("%s has refused a message, %s: %s", self._owner, what_it_is(raw), str(why)[:TEXT_MAX])


def what_it_is(raw: bytes) -> str:
    """A message that cannot be decoded, in words: its kind, and whom it names."""
    fields = _fields(raw)
    kind = _NAMES.get(fields[0]) if fields and isinstance(fields[0], int) else None
    if kind is None:
        return f"{len(raw)} bytes of no known kind"
    left = delivery_in(raw)
    if left is not None:
        return f"{kind} from {left.edge[0]} to {left.edge[1]} with frame {left.packet.seq} of {left.packet.stream}"
    flat = [part for field in fields[1:] for part in (field if isinstance(field, list) else [field])]
    return f"{kind} {' '.join(part for part in flat if isinstance(part, str))}"[:TEXT_MAX].rstrip()


def delivery_in(raw: bytes) -> Deliver | None:
    """The packet in a refused message, as a frame that failed; None if it has none that can be told.

    What its sender sent is lost, but its frame must arrive: nobody sends it again.
    """
    match _fields(raw):
        case [1, int(epoch), [str(producer), str(consumer)], int(sender), int(incarnation), [*values]]:
            kept: dict[str, Any] = {}
            for field, value in zip(Packet.__struct_fields__, values, strict=False):
                if field in _KEPT:
                    try:
                        kept[field] = msgspec.convert(value, _TYPES[field])
                    except msgspec.ValidationError:
                        continue
            if all(field in kept for field in _ESSENTIAL):
                packet = Packet(**kept).fail(REFUSED, producer)
                return Deliver(epoch, (producer, consumer), sender, incarnation, packet)
    return None


def _fields(raw: bytes) -> list[Any]:
    try:
        fields = msgspec.msgpack.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError):
        return []
    return fields if isinstance(fields, list) else []
