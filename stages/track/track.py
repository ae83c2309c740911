"""track: gives each face a stable track ID, and follows it where no detector has looked."""

import math
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from framewire.models.face import LANDMARKS
from framewire.pipeline.frame.packet import FRAME, Detection, Packet
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

    of: Annotated[str, Meta(min_length=1, description="Label of the detections to track")] = "face"
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

    tracker: TrackerState
    looks: dict[int, Looks] = {}
    last_seq: int = -1
    searched_last: bool = False


@stage("track")
class Track(Stage[TrackOptions]):
    """Track faces with ByteTrack (Zhang et al., 2022): detections get `track`, their track ID in this stream.

    Frames that the detector did not search (`detect_every`) get the tracks in sight, at their estimated places. With
    `look_every`, detections are `due` only now and then, which saves classifier runs; `smooth` carries the results to
    all frames.

    Example:
        tracks: {use: track, input: faces, look_every: 10}
    """

    Options = TrackOptions
    ordered = True
    gives = frozenset({"tracks"})

    def open(self) -> None:
        """Start with no tracks."""
        self._memories: dict[str, Memory] = {}
        options = self.options
        self._rules = TrackRules(options.high, options.low, options.gap, options.confirm)

    def process(self, packet: Packet) -> Packet:
        """Assign IDs, or follow."""
        memory = self._memories.setdefault(packet.stream, Memory(TrackerState()))
        tracker = Tracker(self._rules, memory.tracker)
        steps = min(STEPS_MAX, packet.seq - memory.last_seq) if memory.last_seq >= 0 else 1
        memory.last_seq = packet.seq
        if self.options.of in packet.unsearched:
            memory.searched_last = False
            followed = tracker.follow(steps, lambda track: self._look(packet, track))
            return packet.plus(self._due(memory, packet.seq, one) for one in followed)
        told = iter(tracker.search(steps, packet.labelled(self.options.of)))
        self._remember_faces(packet, memory)
        numbered = [next(told) if one.label == self.options.of else one for one in packet.detections]
        self._forget(memory)
        return packet.with_detections([self._due(memory, packet.seq, one) for one in numbered])

    def memory(self, stream: str) -> bytes:
        """See Stage."""
        return msgspec.msgpack.encode(self._memories.get(stream, Memory(TrackerState())))

    def remember(self, stream: str, memory: bytes) -> None:
        """See Stage."""
        self._memories[stream] = msgspec.msgpack.decode(memory, type=Memory)

    def _look(self, packet: Packet, track: Followed) -> Box | None:
        if track.likeness is None or FRAME not in packet.pictures:
            return None
        return find(self.picture(packet), track.box, track.likeness)

    def _remember_faces(self, packet: Packet, memory: Memory) -> None:
        """Keep the tracks' appearance, unless every frame is searched anyway."""
        searched_both, memory.searched_last = memory.searched_last, True
        if searched_both or FRAME not in packet.pictures:
            return
        for track in memory.tracker.tracks:
            if not track.unseen:
                track.likeness = likeness_of(self.picture(packet), track.last.box)

    def _due(self, memory: Memory, seq: int, one: Detection) -> Detection:
        if one.track is None or one.label != self.options.of or self.options.look_every == 1:
            return one
        view = view_of(one)
        looks = memory.looks.get(one.track)
        if looks is None or seq - looks.seq >= self.options.look_every or view > BETTER * looks.view:
            memory.looks[one.track] = Looks(seq, max(view, looks.view if looks else 0.0))
            return one
        return msgspec.structs.replace(one, due=False)

    def _forget(self, memory: Memory) -> None:
        alive = {track.id for track in memory.tracker.tracks}
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
