"""jsonl_writer: one line of JSON for each frame."""

from collections.abc import Sequence
from datetime import datetime
from io import FileIO
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from framewire.pipeline.frame.packet import Detection, Packet
from framewire.pipeline.option import OutputPath
from framewire.pipeline.stage import Sink, StageError, stage
from framewire.stages.parts.part_index import Part, PartIndex
from framewire.stages.parts.part_name import PartNames, TemplateError, part_templates
from framewire.stages.parts.rotation import RotationOptions, surplus

Box = tuple[float, float, float, float]


class JsonAttribute(Struct, frozen=True, omit_defaults=True):
    """A label of a detection, the model's score, and the number if it is one."""

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
    """The line of a frame, newline included."""
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


class JsonlWriterOptions(RotationOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the lines go."""

    path: Annotated[
        OutputPath,
        Meta(
            description="The file, relative to the output folder; {stream} gives each stream its own, "
            "{start:%Y%m%d-%H%M%S} is when the file began, {part} its number"
        ),
    ] = "frames.jsonl"


class _OpenPart(Struct):
    part: Part
    path: Path
    file: FileIO
    size: int


@stage("jsonl_writer")
class JsonlWriter(Sink[JsonlWriterOptions]):
    """Write one line per frame, dropped and failed ones too. A frame is settled once the kernel has its line.

    A killed process loses none of its settled lines; a machine that loses power may. `rotate_s` and `rotate_mb` begin
    a new file from time to time, `keep_mb` and `keep_files` limit disk use.

    Example:
        metadata: {use: jsonl_writer, input: eyes, path: faces.jsonl}
        daily: {use: jsonl_writer, input: eyes, path: "{stream}/{start:%Y%m%d}.jsonl", rotate_s: 86400, keep_files: 30}
    """

    Options = JsonlWriterOptions
    looks = False

    @classmethod
    def outputs(cls, options: JsonlWriterOptions) -> Sequence[str]:
        """All parts."""
        return part_templates(options.path, options.rotates)

    def open(self) -> None:
        """Create the file, or continue the previous worker's."""
        self._parts: dict[str, _OpenPart] = {}
        try:
            self._names = PartNames(self.options.path, self.options.rotates)
            self._index = PartIndex(Path(self.context.out, f".{self.context.name}.parts"), self.context.resumed)
            if self._names.is_fixed and self._go_on("") is None:
                self._begin("", 0, 0.0)
        except TemplateError as error:
            raise StageError(f"path: {error}") from error
        except OSError as error:
            raise StageError(f"{self.options.path} cannot be written: {error.strerror}") from error

    def write(self, packet: Packet) -> int:
        """Write the frame's whole line."""
        opened = self._part_for(packet)
        line = json_line(packet)
        _put(opened.file, line)
        opened.size += len(line)
        return packet.seq + 1

    def resume(self, stream: str, mark: int) -> None:
        """Remove the stream's lines from frame `mark` on, and any torn line."""
        key = self._key(stream)
        if key in self._parts:
            self._parts.pop(key).file.close()
        for newest, part in enumerate(reversed(self._index.of(key))):
            if not _cut_back(self._path(part), stream, mark) and newest > 0:
                break

    def close(self) -> None:
        """Close the files."""
        for opened in self._parts.values():
            opened.file.close()
        self._index.close()

    def _key(self, stream: str) -> str:
        return stream if self._names.by_stream else ""

    def _path(self, part: Part) -> Path:
        return Path(self.context.out, part.path)

    def _part_for(self, packet: Packet) -> _OpenPart:
        key = self._key(packet.stream)
        opened = self._parts.get(key)
        if opened is None:
            opened = self._go_on(key) or self._begin(packet.stream, packet.seq, packet.time)
        lasted = packet.time - opened.part.time if packet.stream == opened.part.stream else 0.0
        if self.options.is_full(lasted, opened.size):
            self._parts.pop(key).file.close()
            opened = self._begin(packet.stream, packet.seq, packet.time)
            self._thin_out(packet.stream, opened.path)
        return opened

    def _go_on(self, key: str) -> _OpenPart | None:
        """A dead worker's newest part."""
        parts = self._index.of(key)
        return self._open(parts[-1], "ab") if parts else None

    def _begin(self, stream: str, seq: int, time: float) -> _OpenPart:
        key = self._key(stream)
        known = self._index.of(key)
        number = known[-1].number + 1 if known else 0
        name = self._names.free_path(stream, datetime.now(), number, self._index.names())
        part = Part(key, name, stream, seq, time, number)
        self._index.add(part)
        return self._open(part, "ab" if self._names.is_fixed and self.context.resumed else "wb")

    def _open(self, part: Part, mode: Literal["ab", "wb"]) -> _OpenPart:
        path = self._path(part)
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open(mode, buffering=0)
        opened = self._parts[part.key] = _OpenPart(part, path, file, file.tell())
        return opened

    def _thin_out(self, stream: str, current: Path) -> None:
        for path in surplus(self.options, self._names.made(self.context.out, stream), [current]):
            path.unlink(missing_ok=True)


def _put(file: FileIO, line: bytes) -> None:
    written = file.write(line) or 0
    while written < len(line):
        # A disk that fills up takes some of it first, then fails.
        written += file.write(line[written:]) or 0


def _cut_back(path: Path, stream: str, mark: int) -> bool:
    """Remove a stream's lines from frame `mark` on; returns whether there were any."""
    if not path.exists():
        return False
    kept = path.with_name(path.name + ".resumed")
    cut = False
    with path.open("rb") as lines, kept.open("wb") as keep:
        for line in lines:
            if line.endswith(b"\n") and _stays(line, stream, mark):
                keep.write(line)
            else:
                cut = True
    kept.replace(path)
    return cut


def _stays(line: bytes, stream: str, mark: int) -> bool:
    try:
        name = _name_decoder.decode(line)
    except msgspec.DecodeError:
        return False
    return name.stream != stream or name.seq < mark
