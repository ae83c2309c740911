"""What is published of a stream: each frame, what happens, or what changes in what is said of a track."""

import hashlib
from collections.abc import Mapping
from typing import Literal

import msgspec
from msgspec import Struct

from framewire.pipeline.frame.packet import Detection, Packet
from framewire.pipeline.result.result import EventResult, FrameResult, result_of

What = Literal["frames", "events", "changes"]
FORGET_S = 60.0
"""A track unseen this long, in the stream's time, is new if it comes back."""
EVENT_FIELDS = ("kind", "where", "line", "direction")
"""What `where` may name of an event."""


class Said(Struct, array_like=True):
    """What was last published of a track: a hash of it, and when the track was last seen."""

    what: bytes
    seen: float


class StreamMemory(Struct, array_like=True):
    """Of a stream: the time of the frame published last, and what was said of each track."""

    last: float | None = None
    tracks: dict[int, Said] = {}


_decoder = msgspec.msgpack.Decoder(StreamMemory)


class Selection:
    """Chooses, stream by stream, what is published of each frame.

    Example:
        selection = Selection("changes", labels=("person",))
        selection.result("door", packet)        # a FrameResult, or None
        selection.memory("door")                # what to give to `remember` in the next process
    """

    def __init__(
        self,
        what: What = "frames",
        labels: tuple[str, ...] = (),
        where: Mapping[str, str] | None = None,
        every_s: float = 0.0,
    ) -> None:
        """Without `labels`, detections of all labels count."""
        self._what = what
        self._labels = labels
        self._where = dict(where or {})
        self._every_s = every_s
        self._memories: dict[str, StreamMemory] = {}

    @property
    def changes_memory(self) -> bool:
        """Whether frames change the memory although nothing is published of them."""
        return self._what == "changes"

    def remember(self, stream: str, memory: bytes | None) -> None:
        """Go on from there, or, with None, from the beginning."""
        self._memories[stream] = StreamMemory() if memory is None else _decoder.decode(memory)

    def memory(self, stream: str) -> bytes:
        """All that later choices depend on."""
        return msgspec.msgpack.encode(self._memories.get(stream, StreamMemory()))

    def result(self, packet: Packet) -> FrameResult | None:
        """What is published of this frame; None if nothing is."""
        memory = self._memories.setdefault(packet.stream, StreamMemory())
        match self._what:
            case "events":
                return self._events(packet)
            case "changes":
                return self._changes(packet, memory)
        if not self._is_due(packet, memory) or not self._is_wanted(packet):
            return None
        memory.last = packet.time
        return result_of(packet)

    def _is_due(self, packet: Packet, memory: StreamMemory) -> bool:
        """Whether `every_s` has passed; a stream whose clock was set back begins anew."""
        last = memory.last
        return last is None or not last <= packet.time < last + self._every_s

    def _is_wanted(self, packet: Packet) -> bool:
        if not self._labels and not self._where:
            return True
        return packet.alive and any(map(self._fits, packet.detections))

    def _fits(self, one: Detection) -> bool:
        if self._labels and one.label not in self._labels:
            return False
        told = {name: attribute.label for name, attribute in one.attributes.items()}
        return all(told.get(name) == word for name, word in self._where.items())

    def _events(self, packet: Packet) -> FrameResult | None:
        if not packet.events:
            return None
        result = result_of(packet)
        chosen = [event for event in result.events if self._has_fields(event)]
        if not chosen:
            return None
        tracks = {event.track for event in chosen if event.track is not None}
        who = [one for one in result.detections if one.track in tracks]
        return msgspec.structs.replace(result, detections=who, events=chosen)

    def _has_fields(self, event: EventResult) -> bool:
        return all(getattr(event, name) == word for name, word in self._where.items())

    def _changes(self, packet: Packet, memory: StreamMemory) -> FrameResult | None:
        """Tracks of which something else is to be said; what may not be said yet stays to be said."""
        may_say = self._is_due(packet, memory)
        changed: set[str] = set()
        for one in packet.detections if packet.alive else ():
            if one.track is None or not self._fits(one):
                continue
            what, known = _hash_of(one), memory.tracks.get(one.track)
            if known is not None and known.what == what:
                known.seen = packet.time
            elif may_say:
                memory.tracks[one.track] = Said(what, packet.time)
                changed.add(one.id)
        gone = [track for track, said in memory.tracks.items() if abs(packet.time - said.seen) > FORGET_S]
        for track in gone:
            del memory.tracks[track]
        if not changed:
            return None
        memory.last = packet.time
        result = result_of(packet)
        return msgspec.structs.replace(
            result, detections=[one for one in result.detections if one.id in changed], events=[]
        )


def _hash_of(one: Detection) -> bytes:
    """Of what is said in words: labels. Scores and values change with each frame."""
    words = [one.label, *(f"{name}={attribute.label}" for name, attribute in sorted(one.attributes.items()))]
    return hashlib.blake2b("\0".join(words).encode(errors="surrogatepass"), digest_size=8).digest()
