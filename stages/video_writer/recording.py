"""The video of one stream: one file, or consecutive parts, each completed before its journal is deleted."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from itertools import pairwise
from pathlib import Path

import msgspec
from msgspec import Struct

from framewire.pipeline.frame.packet import Packet
from framewire.pipeline.unfinished import Unfinished
from framewire.stages.parts.part_index import Part
from framewire.stages.parts.parts import Parts
from framewire.stages.video_writer.video_file_writer import EncoderFactory, TimedPicture, VideoFileWriter


class RecordingRules(Struct, frozen=True):
    """What all recordings of a stage share."""

    parts: Parts
    unfinished: Unfinished
    encoder: EncoderFactory
    no_picture: Callable[[Path], None]
    """Called with a file that is not written because no frame had a picture."""
    to_disk: bool = False
    long_work: Callable[[], AbstractContextManager[None]] = nullcontext


class _Past(Struct):
    """A part that has its last frame, but is completed only once no crash can need that frame again."""

    end: int
    writer: VideoFileWriter


class Recording:
    """Frames of one stream, in order. A new part begins where a fragment does, when the last part is full."""

    def __init__(self, rules: RecordingRules, packet: Packet, mark: int, begins_part: bool = False) -> None:
        """Begin with this frame, or continue a dead worker's files at `mark`.

        With `begins_part`, they end there, and this frame begins a new part. Raises JournalError, OSError.
        """
        self._rules = rules
        self._stream = packet.stream
        self._fragment_frames = max(1, packet.window // 2)
        self._past: list[_Past] = []
        self._whole = False
        self._end: Packet | None = None
        parts = self._parts_up_to(mark)
        for part, follower in pairwise(parts):
            if _grows(self._path(part)):
                self._past.append(_Past(follower.seq, self._writer_of(part, follower.seq)))
        if not parts or not _grows(self._path(parts[-1])):
            self._begin(packet)
        elif begins_part:
            self._past.append(_Past(mark, self._writer_of(parts[-1], mark)))
            self._begin(packet)
        else:
            self._part = parts[-1]
            self._writer = self._writer_of(self._part, mark)

    @property
    def mark(self) -> int:
        """Every frame below this is safe."""
        return self._writer.mark

    @property
    def target(self) -> Path:
        """The file that gets the newest frames."""
        return self._writer.target

    def add(self, packet: Packet, picture: TimedPicture | None) -> None:
        """Add a frame; none below its mark comes again. Raises OSError."""
        self._finish_past(packet)
        seq = packet.seq
        whole = self._writer.mark == seq and seq > self._part.seq
        if whole and self._rules.parts.options.is_full(packet.time - self._part.time, self._writer.size):
            past = _Past(seq, self._writer)
            self._begin(packet)
            self._past.append(past)
        self._writer.add(picture)

    def settle(self) -> int:
        """Make every frame so far safe; returns the mark. Raises OSError."""
        self._writer.settle()
        return self.mark

    def finish(self, packet: Packet) -> None:
        """The stream has ended: complete all files. Their journals stay for now: a crash would need them."""
        for writer in self._open_writers():
            self._make_whole(writer)
        self._whole = True
        self._end = packet

    def close(self) -> None:
        """Close files. Journals of a stream that has not ended stay; where their names are free, whole files do too.

        Raises StageError, OSError.
        """
        try:
            for writer in self._open_writers():
                if not self._whole and not writer.target.exists():
                    self._make_whole(writer)
        finally:
            for writer in self._open_writers():
                if self._whole:
                    self._let_go(writer)
                else:
                    writer.close(keep_journal=True)
        if self._end is not None:
            settled = msgspec.structs.replace(self._end, mark=self._end.seq)
            self._rules.parts.thin_out(settled, self._writer.target)

    def leave(self) -> None:
        """Close files as they are: another recording continues them."""
        for writer in self._open_writers():
            writer.close(keep_journal=True)

    def _open_writers(self) -> list[VideoFileWriter]:
        return [*(past.writer for past in self._past), self._writer]

    def _parts_up_to(self, mark: int) -> list[Part]:
        """The parts that a dead worker began, except those whose frames all come again."""
        parts = self._rules.parts.of(self._rules.parts.key(self._stream))
        for part in [part for part in parts if part.seq > mark or (part.seq == mark and not _grows(self._path(part)))]:
            journal = VideoFileWriter.journal_of(self._path(part))
            journal.unlink(missing_ok=True)
            self._rules.unfinished.done(journal)
            self._rules.parts.drop(part)
            parts.remove(part)
        return parts

    def _path(self, part: Part) -> Path:
        return self._rules.parts.path(part)

    def _writer_of(self, part: Part, mark: int) -> VideoFileWriter:
        rules = self._rules
        return VideoFileWriter(
            self._path(part), self._fragment_frames, rules.encoder, mark, part.seq, rules.to_disk, part.time
        )

    def _begin(self, packet: Packet) -> None:
        rules = self._rules
        part = rules.parts.begin(packet, _is_there)
        target = rules.parts.path(part)
        target.parent.mkdir(parents=True, exist_ok=True)
        rules.unfinished.begin(VideoFileWriter.journal_of(target), target, not rules.parts.names.is_single)
        self._writer = self._writer_of(part, packet.seq)
        self._part = part

    def _finish_past(self, packet: Packet) -> None:
        while self._past and self._past[0].end <= packet.mark:
            writer = self._past[0].writer
            self._make_whole(writer)
            self._let_go(writer)
            self._past.pop(0)
            self._rules.parts.thin_out(packet, self._writer.target)

    def _let_go(self, writer: VideoFileWriter) -> None:
        """The file is whole, and no crash can need its journal."""
        writer.close(keep_journal=False)
        self._rules.unfinished.done(VideoFileWriter.journal_of(writer.target))

    def _make_whole(self, writer: VideoFileWriter) -> None:
        with self._rules.long_work():
            has_pictures = writer.finish()
        if not has_pictures:
            self._rules.no_picture(writer.target)
        self._rules.unfinished.made(VideoFileWriter.journal_of(writer.target))


def _grows(target: Path) -> bool:
    return VideoFileWriter.journal_of(target).exists()


def _is_there(target: Path) -> bool:
    return target.exists() or _grows(target)
