"""The packet of a frame: its identity, times, detections, events, and where its pixels are."""

from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import Annotated, Self

import msgspec
from msgspec import Meta, Struct

NotNegative = Annotated[int, Meta(ge=0)]
Positive = Annotated[int, Meta(gt=0)]
# Checked when a packet is decoded: whatever arrives over a socket is in range, whoever sent it.

FRAME = "frame"
"""Name of the picture that sinks write and detectors search unless they ask for another."""


class Outcome(IntEnum):
    """The outcome of a frame so far. A later stage can only make it worse."""

    OK = 0
    DROPPED = 1
    FAILED = 2

    @property
    def word(self) -> str:
        """The word that JSONL, the summary and the metrics use: ok, dropped or failed."""
        return self.name.lower()


class PictureRef(Struct, frozen=True, array_like=True):
    """Where the pixels of one picture are: a slot of a ring in some process on this machine.

    The picture is uint8, `height` x `width` x `channels`, rows packed; channels is 3 (BGR) or 1 (grey).
    `generation` counts how often it was drawn over since capture. With a `machine`, the pixels have stayed there, and
    all but height, width, channels and generation means something there alone: nobody behind this packet looks, until
    it is back there.
    """

    ring: NotNegative
    pid: Positive
    fd: NotNegative
    slot: NotNegative
    seq: NotNegative
    offset: NotNegative
    height: NotNegative
    width: NotNegative
    channels: Positive
    generation: NotNegative = 0
    machine: str = ""

    @property
    def is_here(self) -> bool:
        """Whether the pixels are on this machine."""
        return not self.machine


class Attribute(Struct, frozen=True, array_like=True):
    """A property of a detection: a label, the model's score (0 to 1), and a number if it is one (an age)."""

    label: str
    score: float | None = None
    value: float | None = None


class Detection(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Something found in a frame.

    `box` is (x, y, width, height) in pixels of the frame, origin top left; `landmarks` are (x, y) in the same
    frame. `id` is unique within the frame: `STAGE.N` for the Nth detection that a stage made (the engine fills it
    in if a stage leaves it empty). `parent` is the id of the detection that contains this one. `due` is false if a
    tracker knows that classifiers saw the same object a moment ago.
    """

    label: str
    box: tuple[float, float, float, float]
    id: str = ""
    score: float | None = None
    parent: str | None = None
    landmarks: tuple[tuple[float, float], ...] = ()
    attributes: dict[str, Attribute] = {}
    track: int | None = None
    due: bool = True

    def with_attributes(self, attributes: dict[str, Attribute]) -> "Detection":
        """The same detection with more attributes; existing names are replaced."""
        return msgspec.structs.replace(self, attributes={**self.attributes, **attributes})


class Event(Struct, frozen=True, array_like=True):
    """Something that happens in a frame: what, where, to which track, and a number if it has one.

    With a `direction`, `where` is what has it, a space, and the direction: `door left`.
    """

    kind: str
    where: str = ""
    track: int | None = None
    value: float | None = None
    direction: str = ""


class Packet(Struct, frozen=True, array_like=True, kw_only=True):
    """One frame on its way through the graph, or the end of its stream. Never changed, only replaced.

    `pts * time_base` is the frame's time in seconds (`time_base` is numerator, denominator); `rate` is the stream's
    nominal frames per second, likewise, or None if the source does not know. `captured` is CLOCK_MONOTONIC in seconds
    at capture. `mark` is the stream's settled mark when the source sent it: every frame with a smaller seq is settled,
    and may be forgotten. `sent` is when the previous stage sent the packet, by the same clock as `captured`.
    `unsearched` are labels that a detector did not look for in this frame, to save time: their absence means nothing.
    `searched` are those that one did look for: each that it could find, found or not.
    `cut` says that the picture starts a new scene. `live` says that the source cannot make the picture again.
    `pixel_aspect` is a pixel's width to its height, None if it is square. `taken_ms` is when the picture was taken, in
    milliseconds since 1970, None if nobody knows; `file` the name of its file, in a folder of pictures.
    """

    source: str
    stream: str
    seq: NotNegative
    window: Positive
    mark: NotNegative = 0
    pts: int = 0
    time_base: tuple[Positive, Positive] = (1, 1000)
    rate: tuple[Positive, Positive] | None = None
    captured: float = 0.0
    width: NotNegative = 0
    height: NotNegative = 0
    pictures: dict[str, PictureRef] = {}
    detections: tuple[Detection, ...] = ()
    outcome: Outcome = Outcome.OK
    reason: str = ""
    stage: str = ""
    end: bool = False
    unsearched: tuple[str, ...] = ()
    events: tuple[Event, ...] = ()
    sent: float = 0.0
    cut: bool = False
    live: bool = False
    pixel_aspect: tuple[Positive, Positive] | None = None
    taken_ms: int | None = None
    file: str = ""
    searched: tuple[str, ...] = ()

    @property
    def time(self) -> float:
        """The frame's presentation time in seconds."""
        return self.pts * self.time_base[0] / self.time_base[1]

    @property
    def alive(self) -> bool:
        """Whether there is a frame for stages to process: not the end, not dropped, not failed."""
        return self.outcome is Outcome.OK and not self.end

    def labelled(self, *labels: str) -> list[Detection]:
        """The detections with one of these labels, in order of creation."""
        return [detection for detection in self.detections if detection.label in labels]

    def plus(self, detections: Iterable[Detection]) -> Self:
        """This packet with more detections."""
        return msgspec.structs.replace(self, detections=(*self.detections, *detections))

    def without_search(self, *labels: str) -> Self:
        """This packet, marked as not searched for these labels."""
        return msgspec.structs.replace(self, unsearched=(*self.unsearched, *labels))

    def with_search(self, *labels: str) -> Self:
        """This packet, marked as searched for these labels, whether any was found or not."""
        return msgspec.structs.replace(self, searched=tuple(dict.fromkeys((*self.searched, *labels))))

    def with_detections(self, detections: Sequence[Detection]) -> Self:
        """This packet with these detections and no others."""
        return msgspec.structs.replace(self, detections=tuple(detections))

    def with_events(self, events: Iterable[Event]) -> Self:
        """This packet with more events."""
        return msgspec.structs.replace(self, events=(*self.events, *events))

    def with_picture(self, ref: PictureRef, name: str = FRAME) -> Self:
        """This packet with a picture added or replaced."""
        return msgspec.structs.replace(self, pictures={**self.pictures, name: ref})

    def without_content(self) -> Self:
        """This packet without detections and events."""
        return msgspec.structs.replace(self, detections=(), events=(), unsearched=(), searched=())

    def with_only_picture(self, name: str) -> Self:
        """This packet without any picture but this one."""
        return msgspec.structs.replace(self, pictures={name: self.pictures[name]})

    def without_pictures(self) -> Self:
        """This packet without any picture."""
        return msgspec.structs.replace(self, pictures={})

    def drop(self, reason: str) -> Self:
        """This packet as a frame dropped by a filter, for a reason that can be counted (few words, no data)."""
        return msgspec.structs.replace(self, outcome=Outcome.DROPPED, reason=reason)

    def fail(self, reason: str, stage: str) -> Self:
        """This packet as a frame that `stage` could not process."""
        return msgspec.structs.replace(self, outcome=Outcome.FAILED, reason=reason, stage=stage)

    def by(self, stage: str) -> Self:
        """This packet, naming `stage` as the one that decided its outcome."""
        return msgspec.structs.replace(self, stage=stage)


def number_detections(packet: Packet, stage: str) -> Packet:
    """Give every detection without an id the next free `STAGE.N` in this packet."""
    if all(detection.id for detection in packet.detections):
        return packet
    prefix = stage + "."
    taken = sum(detection.id.startswith(prefix) for detection in packet.detections)
    numbered = []
    for detection in packet.detections:
        if not detection.id:
            detection = msgspec.structs.replace(detection, id=f"{prefix}{taken}")
            taken += 1
        numbered.append(detection)
    return packet.with_detections(numbered)
