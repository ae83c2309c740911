"""smooth: carries a track's attributes to all its frames, without flicker."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta, Struct

from framewire.pipeline.frame.packet import Attribute, Detection, Packet
from framewire.pipeline.stage import Stage, stage

LEAST_SCORE = 0.05
"""An answer without any confidence still counts a little: models must answer."""


class SmoothOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long answers count."""

    memory: Annotated[
        float, Meta(gt=0, lt=1, description="Weight of an answer once the next one comes; closer to 1 is steadier")
    ] = 0.8
    gap: Annotated[int, Meta(ge=1, le=10000, description="Frames unseen after which a track is forgotten")] = 300


class Said(Struct):
    """Answers for one attribute: the weight of each label, and the mean of the numbers."""

    weights: dict[str, float]
    value: float | None = None
    total: float = 0.0


class Remembered(Struct):
    """Answers for one track, and when it was last seen."""

    attributes: dict[str, Said]
    seq: int


@stage("smooth")
class Smooth(Stage[SmoothOptions]):
    """Carry attributes along a track: each label has the weight of all its answers, the latest counting most.

    The label with the largest weight is reported, with its share of all weights as the score; for numbers (an age),
    the mean. Frames that were not classified get the current answer. Detections without a track pass unchanged.

    Example:
        steady: {use: smooth, input: people}
    """

    Options = SmoothOptions
    ordered = True
    looks = False
    needs: ClassVar[Mapping[str, str]] = {"tracks": "track"}

    def open(self) -> None:
        """Start with no tracks."""
        self._tracks: dict[str, dict[int, Remembered]] = {}

    def process(self, packet: Packet) -> Packet:
        """Add new answers, report current ones."""
        tracks = self._tracks.setdefault(packet.stream, {})
        answer = packet.with_detections([self._told(tracks, packet.seq, one) for one in packet.detections])
        for number in [number for number, known in tracks.items() if packet.seq - known.seq > self.options.gap]:
            del tracks[number]
        return answer

    def memory(self, stream: str) -> bytes:
        """See Stage."""
        return msgspec.msgpack.encode(self._tracks.get(stream, {}))

    def remember(self, stream: str, memory: bytes) -> None:
        """See Stage."""
        self._tracks[stream] = msgspec.msgpack.decode(memory, type=dict[int, Remembered])

    def _told(self, tracks: dict[int, Remembered], seq: int, one: Detection) -> Detection:
        if one.track is None:
            return one
        known = tracks.setdefault(one.track, Remembered({}, seq))
        known.seq = seq
        for name, attribute in one.attributes.items():
            add(known.attributes.setdefault(name, Said({})), attribute, self.options.memory)
        return one.with_attributes({name: told(said) for name, said in known.attributes.items()})


def add(said: Said, attribute: Attribute, memory: float) -> None:
    """Add an answer; earlier ones count less."""
    weight = max(1.0 if attribute.score is None else attribute.score, LEAST_SCORE)
    said.weights = {label: old * memory for label, old in said.weights.items()}
    said.weights[attribute.label] = said.weights.get(attribute.label, 0.0) + weight
    before = said.total * memory
    said.total = before + weight
    if attribute.value is not None:
        mean = attribute.value if said.value is None else said.value
        said.value = (mean * before + attribute.value * weight) / said.total


def told(said: Said) -> Attribute:
    """Current answer."""
    label = max(said.weights, key=lambda name: said.weights[name])
    if said.value is not None:
        return Attribute(label, value=round(said.value, 1))
    return Attribute(label, round(said.weights[label] / sum(said.weights.values()), 6))
