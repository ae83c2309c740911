"""jsonl_writer: one line of JSON for each frame."""

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from pipeline.option import OutputPath
from pipeline.packet import Detection, Packet
from pipeline.stage import Sink, StageError, stage

Box = tuple[float, float, float, float]


class JsonAttribute(Struct, frozen=True, omit_defaults=True):
    """Something said of a detection, how sure the model is, and the number where it is one."""

    label: str
    score: float | None = None
    value: float | None = None


class JsonDetection(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A detection; keys without a value are left out."""

    id: str
    label: str
    box: Box
    score: float | None = None
    parent: str | None = None
    landmarks: tuple[tuple[float, float], ...] = ()
    attributes: dict[str, JsonAttribute] = {}
    track: int | None = None


class JsonEvent(Struct, frozen=True, omit_defaults=True):
    """Something that happens in the frame."""

    kind: str
    where: str = ""
    track: int | None = None
    value: float | None = None


class JsonFrame(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One line: `pts` is in seconds, boxes are in pixels of the frame."""

    stream: str
    seq: int
    pts: float
    width: int
    height: int
    outcome: str
    reason: str = ""
    stage: str = ""
    detections: list[JsonDetection]
    events: list[JsonEvent] = []


class _LineName(Struct, frozen=True):
    stream: str
    seq: int


_encoder = msgspec.json.Encoder()
_name_decoder = msgspec.json.Decoder(_LineName)


def json_line(packet: Packet) -> bytes:
    """The line of a frame, its end included."""
    frame = JsonFrame(
        stream=packet.stream,
        seq=packet.seq,
        pts=packet.time,
        width=packet.width,
        height=packet.height,
        outcome=packet.outcome.word,
        reason=packet.reason,
        stage=packet.stage,
        detections=[_json_detection(detection) for detection in packet.detections],
        events=[JsonEvent(event.kind, event.where, event.track, event.value) for event in packet.events],
    )
    return _encoder.encode(frame) + b"\n"


def _json_detection(detection: Detection) -> JsonDetection:
    return JsonDetection(
        id=detection.id,
        label=detection.label,
        box=detection.box,
        score=detection.score,
        parent=detection.parent,
        landmarks=detection.landmarks,
        attributes={
            name: JsonAttribute(attribute.label, attribute.score, attribute.value)
            for name, attribute in detection.attributes.items()
        },
        track=detection.track,
    )


class JsonlWriterOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the lines go."""

    path: Annotated[OutputPath, Meta(description="The file, relative to the output folder")] = "frames.jsonl"


@stage("jsonl_writer")
class JsonlWriter(Sink[JsonlWriterOptions]):
    """Write one line a frame, dropped and failed ones too. A frame is settled when its line is with the kernel.

    A process that is killed loses none of its settled lines; a machine that loses power may.

    Example:
        metadata: {use: jsonl_writer, input: eyes, path: faces.jsonl}
    """

    Options = JsonlWriterOptions

    def open(self) -> None:
        """Make the file, or go on with the one of the worker before."""
        self._path = Path(self.context.out, self.options.path)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("ab" if self.context.resumed else "wb", buffering=0)
        except OSError as error:
            raise StageError(f"{self._path} cannot be written: {error.strerror}") from error

    def write(self, packet: Packet) -> int:
        """Write the frame's line, whole."""
        self._put(json_line(packet))
        return packet.seq + 1

    def resume(self, stream: str, mark: int) -> None:
        """Take out the stream's lines from frame `mark` on, and a line that is torn."""
        self._file.close()
        kept = self._path.with_name(self._path.name + ".resumed")
        with self._path.open("rb") as lines, kept.open("wb") as keep:
            for line in lines:
                if line.endswith(b"\n") and _stays(line, stream, mark):
                    keep.write(line)
        kept.replace(self._path)
        self._file = self._path.open("ab", buffering=0)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _put(self, line: bytes) -> None:
        written = self._file.write(line)
        while written < len(line):
            # A disk that fills up takes a part first and fails the next time.
            written += self._file.write(line[written:])


def _stays(line: bytes, stream: str, mark: int) -> bool:
    try:
        name = _name_decoder.decode(line)
    except msgspec.DecodeError:
        return False
    return name.stream != stream or name.seq < mark
