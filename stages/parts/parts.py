"""The parts of one sink: which comes next, under which name, and which old files go."""

from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from framewire.pipeline.frame.packet import Packet
from framewire.pipeline.stage import StageError
from framewire.pipeline.stage_context import StageContext
from framewire.pipeline.unfinished import numbered
from framewire.stages.parts.part_index import Part, PartIndex
from framewire.stages.parts.part_name import PartNames, TemplateError
from framewire.stages.parts.rotation import RotationOptions, refusal, surplus


class Parts:
    """Names and numbers the parts of a sink, for each stream, or for all where they share a file.

    A part's number continues from the highest on disk. An existing file is never opened as a new part, except under a
    name that stays the same, as `existing` says.
    """

    def __init__(self, context: StageContext, options: RotationOptions, template: str) -> None:
        """Raises StageError, OSError."""
        self.out = context.out
        self.options = options
        try:
            self.names = PartNames(template, options.rotates)
        except TemplateError as error:
            raise StageError(f"path: {error}") from error
        self._log = context.log
        self._index = PartIndex(context.state_file("parts"), context.resumed)
        if options.existing == "refuse" and self.names.is_fixed and not context.resumed:
            fixed = self.path_of(self.names.template)
            self._refuse([fixed] if fixed.exists() else [])

    def key(self, stream: str) -> str:
        """The key of a stream's parts: all streams share them where the name has no `{stream}`."""
        return stream if self.names.by_stream else ""

    def of(self, key: str) -> list[Part]:
        """The parts begun so far, in order."""
        return self._index.of(key)

    def path(self, part: Part) -> Path:
        """Where a part's file is."""
        return self.path_of(part.path)

    def path_of(self, name: str) -> Path:
        """A name below the output folder, or an absolute one."""
        return Path(self.out, name)

    def begin(self, packet: Packet, exists: Callable[[Path], bool] = Path.exists) -> Part:
        """A new part that begins with this frame. `exists` tells whether a file is there, or growing.

        Raises StageError, OSError.
        """
        key = self.key(packet.stream)
        known = self.of(key)
        if not known and self.options.existing == "refuse":
            self._refuse(self.names.made(self.out, packet.stream))
        number = known[-1].number + 1 if known else self.names.next_number(self.out, packet.stream)
        name = self._name(packet, number, bool(known), exists)
        part = Part(key, name, packet.stream, packet.seq, packet.time, number)
        self._index.add(part)
        return part

    def drop(self, part: Part) -> None:
        """A part whose frames all come again. Raises OSError."""
        self._index.drop(part)

    def thin_out(self, packet: Packet, current: Path) -> None:
        """Delete the oldest files beyond the limits; none that a crash could need again, nor `current`."""
        if not (self.options.keep_files or self.options.keep_mb):
            return
        kept = [current, *self._needed(packet)]
        for path in surplus(self.options, self.names.made(self.out, packet.stream), kept):
            path.unlink(missing_ok=True)

    def _needed(self, packet: Packet) -> Iterable[Path]:
        """Files with frames of the stream that are not settled everywhere."""
        known = self.of(self.key(packet.stream))
        for part, follower in pairwise(known):
            if follower.stream == packet.stream and follower.seq > packet.mark:
                yield self.path(part)

    def _name(self, packet: Packet, number: int, has_begun: bool, exists: Callable[[Path], bool]) -> str:
        def is_taken(name: str) -> bool:
            return name in self._index.names() or exists(self.path_of(name))

        now = datetime.now()
        if not self.names.is_single:
            return self.names.free_path(packet.stream, now, number, is_taken)
        name = self.names.path(packet.stream, now, number)
        path = self.path_of(name)
        if not is_taken(name) or (path.exists() and not path.is_file()):
            return name
        if not has_begun and self.options.existing == "replace" and not packet.live:
            return name
        other = numbered(self.path_of(name))
        self._log.info("%s exists; this recording is %s", self.path_of(name), other.name)
        return str(Path(name).with_name(other.name))

    def _refuse(self, existing: Iterable[Path]) -> None:
        for path in existing:
            raise refusal(path)
