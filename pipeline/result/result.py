"""The result of one frame: a line of JSON, or what the Python API gives. docs/results.md documents it.

Numbers are rounded to what they are worth: no detector knows a box to a hundredth of a pixel.
"""

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from framewire.pipeline.frame.packet import Attribute, Detection, Event, Packet

SCHEMA = 1
"""The version of these structs. It grows when a field changes its meaning or goes, not when one is added."""
PIXEL_DIGITS, SCORE_DIGITS, VALUE_DIGITS, SECOND_DIGITS = 1, 4, 3, 6

Box = Annotated[
    tuple[float, float, float, float],
    Meta(description="x, y, width, height in pixels of the frame as it is shown; x, y is the top left corner"),
]
IsoTime = Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")]
Point = Annotated[tuple[float, float], Meta(description="x, y in pixels of the frame")]


class AttributeResult(Struct, frozen=True, omit_defaults=True):
    """What a classifier says of a detection."""

    label: Annotated[str, Meta(description="The class, or a number's group, such as `(25-32)`")]
    score: Annotated[float | None, Meta(description="The model's confidence, 0 to 1; four decimals")] = None
    value: Annotated[float | None, Meta(description="The number, if it is one, such as an age in years")] = None


class DetectionResult(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Something found in the frame."""

    id: Annotated[str, Meta(description="Unique within the frame: STAGE.N for the N-th that a stage made")]
    label: Annotated[str, Meta(description="What it is: `face`, `eye`, ...")]
    box: Box
    score: Annotated[float | None, Meta(description="The detector's confidence, 0 to 1, if it has one")] = None
    parent: Annotated[str | None, Meta(description="The id of the detection that it is a part of")] = None
    landmarks: Annotated[
        tuple[Point, ...], Meta(description="Of a face: right eye, left eye, nose, right and left corner of the mouth")
    ] = ()
    attributes: Annotated[dict[str, AttributeResult], Meta(description="By name: `age`, `gender`, ...")] = {}
    track: Annotated[int | None, Meta(description="The same for the same object in all frames of the stream")] = None


class EventResult(Struct, frozen=True, omit_defaults=True):
    """Something that happens in the frame."""

    kind: Annotated[str, Meta(description="`came`, `left`, `crossed`, `entered`, `exited`, `in_view`, `arrivals`, ...")]
    where: Annotated[str, Meta(description="The line and the direction, or the zone")] = ""
    track: Annotated[int | None, Meta(description="Who")] = None
    value: Annotated[float | None, Meta(description="A number of people, or seconds")] = None
    line: Annotated[str, Meta(description="The name of the line that was crossed")] = ""
    direction: Annotated[str, Meta(description="`left` or `right`, as seen from the line's start to its end")] = ""


class FrameResult(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One frame of a stream. Keys without a value are left out."""

    schema: Annotated[int, Meta(description="The version of this format")]
    stream: Annotated[str, Meta(description="The name of the stream")]
    seq: Annotated[int, Meta(ge=0, description="The frame's number in its stream, from 0 on, without gaps")]
    pts: Annotated[float, Meta(description="Seconds since the stream's first picture")]
    time: Annotated[
        IsoTime | None,
        Meta(
            description="When the picture was taken, ISO 8601 in UTC: for live sources when it arrived, for files if "
            "they say when they were made",
        ),
    ] = None
    file: Annotated[str | None, Meta(description="The picture's file, of a folder of pictures")] = None
    width: Annotated[int, Meta(ge=0, description="Of the frame as it is shown, in pixels")]
    height: Annotated[int, Meta(ge=0, description="Of the frame as it is shown, in pixels")]
    outcome: Annotated[str, Meta(description="`ok`, `dropped` by a stage, or `failed`")]
    reason: Annotated[str, Meta(description="Why it was dropped, or failed")] = ""
    stage: Annotated[str, Meta(description="The stage that dropped it, or in which it failed")] = ""
    detections: list[DetectionResult]
    events: list[EventResult] = []
    run: Annotated[str, Meta(description="The id of the run, in what `publish` sends")] = ""
    pixel_aspect: Annotated[
        tuple[int, int] | None,
        Meta(description="On a stream's first frame, if pixels are not square: a pixel's width to its height"),
    ] = None


_encoder = msgspec.json.Encoder()


def result_of(packet: Packet) -> FrameResult:
    """The result of a frame, as it stands in this packet."""
    return FrameResult(
        schema=SCHEMA,
        stream=packet.stream,
        seq=packet.seq,
        pts=round(packet.time, SECOND_DIGITS),
        time=None if packet.taken_ms is None else iso_time(packet.taken_ms),
        file=packet.file or None,
        width=packet.width,
        height=packet.height,
        outcome=packet.outcome.word,
        reason=packet.reason,
        stage=packet.stage,
        detections=[_detection(detection) for detection in packet.detections],
        events=[event_result(event) for event in packet.events],
        pixel_aspect=packet.pixel_aspect if packet.seq == 0 else None,
    )


def json_line(packet: Packet) -> bytes:
    """The result as a line of JSON, newline included."""
    return encoded(result_of(packet)) + b"\n"


def encoded(result: FrameResult) -> bytes:
    """The result as JSON, without a newline."""
    return _encoder.encode(result)


def iso_time(unix_ms: int) -> str:
    """Milliseconds since 1970 as `2026-03-01T12:00:00.250Z`."""
    seconds, milliseconds = divmod(unix_ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{milliseconds:03}Z"


def schema_of_results() -> dict[str, Any]:
    """The JSON Schema of a line."""
    return msgspec.json.schema(FrameResult)


def _detection(detection: Detection) -> DetectionResult:
    x, y, width, height = detection.box
    return DetectionResult(
        id=detection.id,
        label=detection.label,
        box=(
            round(x, PIXEL_DIGITS),
            round(y, PIXEL_DIGITS),
            round(width, PIXEL_DIGITS),
            round(height, PIXEL_DIGITS),
        ),
        score=_rounded(detection.score, SCORE_DIGITS),
        parent=detection.parent,
        landmarks=tuple((round(x, PIXEL_DIGITS), round(y, PIXEL_DIGITS)) for x, y in detection.landmarks),
        attributes={name: _attribute(attribute) for name, attribute in detection.attributes.items()},
        track=detection.track,
    )


def _attribute(attribute: Attribute) -> AttributeResult:
    return AttributeResult(
        attribute.label, _rounded(attribute.score, SCORE_DIGITS), _rounded(attribute.value, VALUE_DIGITS)
    )


def event_result(event: Event) -> EventResult:
    """The result of an event."""
    line = event.where.removesuffix(event.direction).rstrip() if event.direction else ""
    value = _rounded(event.value, VALUE_DIGITS)
    return EventResult(event.kind, event.where, event.track, value, line, event.direction)


def _rounded(number: float | None, digits: int) -> float | None:
    return None if number is None else round(number, digits)
