"""The video of one stream: one file, or consecutive parts, each completed before its journal is deleted."""

from collections.abc import Callable
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from msgspec import Struct

from framewire.stages.parts.part_index import Part, PartIndex
from framewire.stages.parts.part_name import PartNames
from framewire.stages.parts.rotation import RotationOptions, surplus
from framewire.stages.video_writer.video_file_writer import EncoderFactory, TimedPicture, VideoFileWriter


class RecordingRules(Struct, frozen=True):
    """What all recordings of a stage share."""

    out: Path
    names: PartNames
    rotation: RotationOptions
    encoder: EncoderFactory
    index: PartIndex
    no_picture: Callable[[Path], None]
    """Called with a file that is not written because no frame had a picture."""


class _Past(Struct):
    """A part that has its last frame, but is completed only once no crash can need that frame again."""

    end: int
    writer: VideoFileWriter


class Recording:
    """Frames of one stream, in order. A new part begins where a fragment does, when the last part is full."""

    def __init__(self, rules: RecordingRules, stream: str, fragment_frames: int, mark: int, time: float) -> None:
        """Begin with frame `mark`, at `time` seconds of the stream, or continue a dead worker's files.

        Raises JournalError, OSError.
        """
        self._rules = rules
        self._stream = stream
        self._fragment_frames = fragment_frames
        self._past: list[_Past] = []
        self._whole = False
        parts = self._parts_up_to(mark)
        for part, follower in pairwise(parts):
            if _journal(self._path(part)).exists():
                self._past.append(_Past(follower.seq, self._writer_of(part, follower.seq)))
        if parts:
            self._part = parts[-1]
            self._writer = self._writer_of(self._part, mark)
        else:
            self._begin(mark, time)

    @property
    def mark(self) -> int:
        """Every frame below this is safe."""
        return self._writer.mark

    @property
    def target(self) -> Path:
        """The file that gets the newest frames."""
        return self._writer.target

    def add(self, seq: int, time: float, settled: int, picture: TimedPicture | None) -> None:
        """Add frame `seq`, shown at `time` seconds; none below `settled` comes again."""
        self._finish_past(settled)
        whole = self._writer.mark == seq and seq > self._part.seq
        if whole and self._rules.rotation.is_full(time - self._part.time, self._writer.size):
            self._past.append(_Past(seq, self._writer))
            self._begin(seq, time)
        self._writer.add(picture)

    def finish(self) -> None:
        """The stream has ended: complete all files. Their journals stay for now: a crash would need them."""
        for writer in self._open_writers():
            self._make_whole(writer)
        self._whole = True

    def close(self) -> None:
        """Close files; journals of incomplete ones stay."""
        for writer in self._open_writers():
            writer.close(keep_journal=not self._whole)
        if self._whole:
            self._thin_out()

    def _open_writers(self) -> list[VideoFileWriter]:
        return [*(past.writer for past in self._past), self._writer]

    def _parts_up_to(self, mark: int) -> list[Part]:
        """The parts that a dead worker began, except those whose frames all come again."""
        parts = self._rules.index.of(self._stream)
        for part in [part for part in parts if part.seq > mark]:
            _journal(self._path(part)).unlink(missing_ok=True)
            self._rules.index.drop(part)
            parts.remove(part)
        return parts

    def _path(self, part: Part) -> Path:
        return Path(self._rules.out, part.path)

    def _writer_of(self, part: Part, mark: int) -> VideoFileWriter:
        return VideoFileWriter(self._path(part), self._fragment_frames, self._rules.encoder, mark, part.seq)

    def _begin(self, seq: int, time: float) -> None:
        rules = self._rules
        known = rules.index.of(self._stream)
        number = known[-1].number + 1 if known else 0
        name = rules.names.free_path(self._stream, datetime.now(), number, rules.index.names())
        self._part = Part(self._stream, name, self._stream, seq, time, number)
        rules.index.add(self._part)
        self._writer = self._writer_of(self._part, seq)

    def _finish_past(self, settled: int) -> None:
        while self._past and self._past[0].end <= settled:
            writer = self._past[0].writer
            self._make_whole(writer)
            writer.close(keep_journal=False)
            self._past.pop(0)
            self._thin_out()

    def _make_whole(self, writer: VideoFileWriter) -> None:
        if not writer.finish():
            self._rules.no_picture(writer.target)

    def _thin_out(self) -> None:
        if self._rules.rotation.keep_mb or self._rules.rotation.keep_files:
            files = self._rules.names.made(self._rules.out, self._stream)
            for path in surplus(self._rules.rotation, files, [self._writer.target]):
                path.unlink(missing_ok=True)


def _journal(target: Path) -> Path:
    return VideoFileWriter.journal_of(target)
