"""track: gives each face, or object, a stable track ID, and follows it where no detector has looked."""

import math
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from framewire.models.face import LANDMARKS
from framewire.pipeline.frame.packet import FRAME, Detection, Packet
from framewire.pipeline.option import Labels, labels_of
from framewire.pipeline.stage import Stage, stage
from framewire.stages.track.likeness import find, likeness_of
from framewire.stages.track.motion import Box
from framewire.stages.track.tracker import Followed, Tracker, TrackerState, TrackRules

BETTER = 1.2
"""A view a fifth larger or more frontal than the best so far counts as better and is classified again."""
STEPS_MAX = 1000
"""Most missing frames to predict over: after a longer gap all tracks are gone anyway."""


class TrackOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """ByteTrack's rules, and how often classifiers run."""

    of: Annotated[
        Labels, Meta(description="Label of the detections to track, or a list of labels: each is tracked by itself")
    ] = "face"
    high: Annotated[
        float, Meta(ge=0, le=1, description="Score from which a detection is sure, and may start a track")
    ] = 0.6
    low: Annotated[
        float, Meta(ge=0, le=1, description="Score from which it may continue a track; lower ones get no track ID")
    ] = 0.1
    gap: Annotated[int, Meta(ge=1, le=1000, description="Frames a track may be out of sight")] = 30
    confirm: Annotated[int, Meta(ge=1, le=100, description="Detections needed per track")] = 2
    look_every: Annotated[
        int,
        Meta(ge=1, le=1000, description="Classify a track only every n-th frame, and when it is seen better"),
    ] = 1


class Looks(Struct):
    """When a track was last classified, and the best view so far."""

    seq: int
    view: float


class Memory(Struct):
    """The state of one stream."""

    trackers: dict[str, TrackerState] = {}
    """By label."""
    next_id: int = 1
    looks: dict[int, Looks] = {}
    last_seq: int = -1
    searched_last: dict[str, bool] = {}


@stage("track")
class Track(Stage[TrackOptions]):
    """Track faces or other objects with ByteTrack (Zhang et al., 2022): detections get `track`, an ID in their stream.

    Frames that the detector did not search (`detect_every`) get the tracks in sight, at their estimated places. With
    `look_every`, detections are `due` only now and then, which saves classifier runs; `smooth` carries the results to
    all frames.

    Example:
        tracks: {use: track, input: faces, look_every: 10}
        both: {use: track, input: objects, of: [person, car]}
    """

    Options = TrackOptions
    ordered = True
    gives = frozenset({"tracks"})

    def open(self) -> None:
        """Start with no tracks."""
        self._memories: dict[str, Memory] = {}
        self._labels = labels_of(self.options.of)
        options = self.options
        self._rules = TrackRules(options.high, options.low, options.gap, options.confirm)

    def process(self, packet: Packet) -> Packet:
        """Assign IDs, or follow."""
        memory = self._memories.setdefault(packet.stream, Memory())
        steps = min(STEPS_MAX, packet.seq - memory.last_seq) if memory.last_seq >= 0 else 1
        memory.last_seq = packet.seq
        for label in self._labels:
            packet = self._tracked(packet, memory, label, steps)
        self._forget(memory)
        return packet

    def _tracked(self, packet: Packet, memory: Memory, label: str, steps: int) -> Packet:
        """The packet with the tracks of one label."""
        state = memory.trackers.setdefault(label, TrackerState())
        # All labels share their numbers: a track is one object of its stream.
        state.next_id = memory.next_id
        tracker = Tracker(self._rules, state)
        if label in packet.unsearched:
            memory.searched_last[label] = False
            followed = tracker.follow(steps, lambda track: self._look(packet, track))
            answer = packet.plus(self._due(memory, packet.seq, one) for one in followed)
        else:
            told = iter(tracker.search(steps, packet.labelled(label)))
            self._remember_looks(packet, memory, label)
            answer = packet.with_detections(
                [self._due(memory, packet.seq, next(told)) if one.label == label else one for one in packet.detections]
            )
        memory.next_id = state.next_id
        return answer

    def memory(self, stream: str) -> bytes:
        """See Stage."""
        return msgspec.msgpack.encode(self._memories.get(stream, Memory()))

    def remember(self, stream: str, memory: bytes) -> None:
        """See Stage."""
        self._memories[stream] = msgspec.msgpack.decode(memory, type=Memory)

    def _look(self, packet: Packet, track: Followed) -> Box | None:
        if track.likeness is None or FRAME not in packet.pictures:
            return None
        return find(self.picture(packet), track.box, track.likeness)

    def _remember_looks(self, packet: Packet, memory: Memory, label: str) -> None:
        """Keep the tracks' appearance, unless every frame is searched anyway."""
        searched_both = memory.searched_last.get(label, False)
        memory.searched_last[label] = True
        if searched_both or FRAME not in packet.pictures:
            return
        for track in memory.trackers[label].tracks:
            if not track.unseen:
                track.likeness = likeness_of(self.picture(packet), track.last.box)

    def _due(self, memory: Memory, seq: int, one: Detection) -> Detection:
        if one.track is None or self.options.look_every == 1:
            return one
        view = view_of(one)
        looks = memory.looks.get(one.track)
        if looks is None or seq - looks.seq >= self.options.look_every or view > BETTER * looks.view:
            memory.looks[one.track] = Looks(seq, max(view, looks.view if looks else 0.0))
            return one
        return msgspec.structs.replace(one, due=False)

    def _forget(self, memory: Memory) -> None:
        alive = {track.id for tracker in memory.trackers.values() for track in tracker.tracks}
        memory.looks = {number: looks for number, looks in memory.looks.items() if number in alive}


def view_of(face: Detection) -> float:
    """How well a face is seen: its box's side in pixels, reduced where the nose is off-centre between the eyes.

    From the front the nose is half-way, which counts in full; from the side it is beyond an eye.
    """
    side = math.sqrt(max(0.0, face.box[2] * face.box[3]))
    if len(face.landmarks) != len(LANDMARKS):
        return side
    (right_x, _), (left_x, _), (nose_x, _) = face.landmarks[:3]
    between = left_x - right_x
    if between <= 0:
        return 0.0
    return side * max(0.0, 1 - abs(2 * (nose_x - right_x) / between - 1))
