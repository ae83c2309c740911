"""The join: where branches of the graph come together, the packets of one frame are merged."""

from collections.abc import Sequence

import msgspec

from framewire.pipeline.frame.packet import Detection, Packet, PictureRef


class Join:
    """Matches the packets of one stream from several edges, by seq.

    `edges` are (producer, consumer), in the order in which the YAML file names the inputs: it decides whose picture
    and detections come first, so the result does not depend on which branch was faster.
    """

    def __init__(self, edges: Sequence[tuple[str, str]]) -> None:
        self._edges = tuple(edges)
        self._waiting: dict[int, dict[tuple[str, str], Packet]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, edge: tuple[str, str], packet: Packet) -> Packet | None:
        """Take a packet; returns the merged one if it was the last that this frame waited for."""
        parts = self._waiting.setdefault(packet.seq, {})
        parts[edge] = packet
        if len(parts) < len(self._edges):
            return None
        del self._waiting[packet.seq]
        return merge([parts[edge] for edge in self._edges])

    def forget_below(self, mark: int) -> None:
        """Discard settled frames: a late duplicate of one branch would wait forever."""
        for seq in [seq for seq in self._waiting if seq < mark]:
            del self._waiting[seq]

    def forget_waiting(self) -> None:
        """Discard all that waits: it will be sent again."""
        self._waiting.clear()


def merge(parts: Sequence[Packet]) -> Packet:
    """One packet with all that the branches added, and the worst outcome of any (the first branch's, among equals).

    Detections with the same id are one; attributes, landmarks, score and track of one are merged, the earlier
    branch taking precedence. A label that one branch did not search for counts as not searched. Of several pictures
    with the same name, the one drawn over most often wins (among equals one that is on this machine, then the first),
    so a branch that draws wins over one that only looks.
    """
    first = parts[0]
    worst = max(parts, key=lambda part: part.outcome)
    return msgspec.structs.replace(
        first,
        mark=max(part.mark for part in parts),
        sent=max(part.sent for part in parts),
        pictures=_merge_pictures(parts),
        detections=_merge_detections(parts),
        outcome=worst.outcome,
        reason=worst.reason,
        stage=worst.stage,
        events=tuple(dict.fromkeys(event for part in parts for event in part.events)),
        unsearched=tuple(dict.fromkeys(label for part in parts for label in part.unsearched)),
        searched=tuple(dict.fromkeys(label for part in parts for label in part.searched)),
    )


def _merge_pictures(parts: Sequence[Packet]) -> dict[str, PictureRef]:
    merged: dict[str, PictureRef] = {}
    for name in dict.fromkeys(name for part in parts for name in part.pictures):
        refs = [part.pictures[name] for part in parts if name in part.pictures]
        merged[name] = max(refs, key=lambda ref: (ref.generation, ref.is_here))
    return merged


def _merge_detections(parts: Sequence[Packet]) -> tuple[Detection, ...]:
    merged: dict[str, Detection] = {}
    for part in parts:
        for detection in part.detections:
            known = merged.get(detection.id)
            merged[detection.id] = detection if known is None else _unite(known, detection)
    return tuple(merged.values())


def _unite(known: Detection, other: Detection) -> Detection:
    if known == other:
        return known
    return msgspec.structs.replace(
        known,
        score=known.score if known.score is not None else other.score,
        parent=known.parent or other.parent,
        landmarks=known.landmarks or other.landmarks,
        attributes={**other.attributes, **known.attributes},
        track=known.track if known.track is not None else other.track,
        due=known.due and other.due,
    )
