"""jsonl_writer: one line of JSON for each frame."""

import os
from collections.abc import Sequence
from io import FileIO
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from framewire.pipeline.disk import is_still_at, sync_folder
from framewire.pipeline.frame.packet import Packet
from framewire.pipeline.option import STDOUT, OutputPath
from framewire.pipeline.result.result import json_line
from framewire.pipeline.stage import Sink, StageError, stage
from framewire.stages.jsonl_writer.lines_file import append, cut_back, recover_lines
from framewire.stages.jsonl_writer.pipe_output import PipeOutput
from framewire.stages.parts.output_folder import OutputFolder
from framewire.stages.parts.part_index import Part
from framewire.stages.parts.part_name import part_templates
from framewire.stages.parts.parts import Parts
from framewire.stages.parts.rotation import KEEPING, RotationOptions


class JsonlWriterOptions(RotationOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the lines go."""

    path: Annotated[
        OutputPath,
        Meta(
            description="The file, relative to the output folder; {stream} gives each stream its own, "
            "{start:%Y%m%d-%H%M%S} is when the file began, {part} its number; - is standard output"
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

    A killed process loses none of its settled lines; a machine that loses power may, unless `durable: disk` is set.
    `rotate_s` and `rotate_mb` begin a new file from time to time, `keep_mb` and `keep_files` limit disk use.

    Example:
        metadata: {use: jsonl_writer, input: eyes, path: faces.jsonl}
        daily: {use: jsonl_writer, input: eyes, path: "{stream}/{start:%Y%m%d}.jsonl", rotate_s: 86400, keep_files: 30}
        piped: {use: jsonl_writer, input: eyes, path: "-"}      # framewire run ... | jq
    """

    Options = JsonlWriterOptions
    looks = False
    may_skip = True
    may_print = True
    tuning = KEEPING

    @classmethod
    def outputs(cls, options: JsonlWriterOptions) -> Sequence[str]:
        """All parts."""
        if options.path == STDOUT:
            return ()
        return part_templates(options.path, options.rotates)

    @classmethod
    def recover(cls, growing: Path, target: Path) -> int:
        """All whole lines; see Sink."""
        return recover_lines(growing, target)

    def open(self) -> None:
        """Check that files can be made there; they are made with their first frame."""
        self._open_parts: dict[str, _OpenPart] = {}
        self._marks: dict[str, int] = {}
        self._pipe: PipeOutput | None = None
        self._nobody_reads = False
        self._goes_to_pipe = self.options.path == STDOUT or (self.context.out / self.options.path).is_fifo()
        if self._goes_to_pipe:
            if self.options.rotates:
                raise StageError("a pipe has no parts; remove what rotates it, or name a file")
            return
        try:
            self._parts = Parts(self.context, self.options, self.options.path)
            folder = self._parts.path_of(str(self._parts.names.fixed_folder))
            folder.mkdir(parents=True, exist_ok=True)
            self._disk = OutputFolder(folder)
            self._disk.try_out()
        except OSError as error:
            raise StageError(f"{self.options.path} cannot be written: {error.strerror}") from error

    def write(self, packet: Packet) -> int:
        """Write the frame's whole line; the mark is the end of what is safe."""
        if self._goes_to_pipe:
            return self._pass_on(packet)
        opened = self._part_for(packet)
        line = json_line(packet)
        append(opened.file, line)
        opened.size += len(line)
        if self.context.to_disk and not self._is_due(packet):
            return self._marks.get(packet.stream, packet.mark)
        return self._sync(packet)

    def settle(self, packet: Packet) -> int | None:
        """What `durable: disk` holds back goes to disk; see Sink."""
        if self._goes_to_pipe or self._parts.key(packet.stream) not in self._open_parts:
            return None
        return self._sync(packet)

    def end(self, packet: Packet) -> None:
        """A stream without any frame has an empty file."""
        if self._goes_to_pipe:
            return
        self._part_for(packet)
        if self.context.to_disk:
            self._sync(packet)

    def resume(self, stream: str, mark: int) -> None:
        """Remove the stream's lines from frame `mark` on, and any torn line. A pipe's writer knows what it has."""
        if self._goes_to_pipe:
            return
        key = self._parts.key(stream)
        opened = self._open_parts.pop(key, None)
        if opened is not None:
            opened.file.close()
        self._marks[stream] = mark
        parts = self._parts.of(key)
        for part in reversed(parts):
            path = self._parts.path(part)
            was_cut = cut_back(path, stream, mark)
            comes_again = part.stream == stream and part.seq >= mark
            if part is not parts[0] and comes_again and not (path.exists() and path.stat().st_size):
                # The frame that began it may now belong to the part before.
                path.unlink(missing_ok=True)
                self.context.unfinished.done(path)
                self._parts.drop(part)
            elif not was_cut and part is not parts[-1]:
                break

    def close(self) -> None:
        """Close the files."""
        if self._pipe is not None:
            self._pipe.close()
        for opened in self._open_parts.values():
            opened.file.close()

    def _pass_on(self, packet: Packet) -> int:
        """Write to a pipe; a reader that has left has seen enough, and ends the run."""
        if self._pipe is None:
            self._pipe = self._open_pipe()
        if not self._nobody_reads:
            try:
                self._pipe.write(packet.stream, packet.seq, json_line(packet))
            except BrokenPipeError:
                self._nobody_reads = True
                self.context.enough("the reader has closed the pipe")
        return packet.seq + 1

    def _open_pipe(self) -> PipeOutput:
        fd = 1
        if self.options.path != STDOUT:
            with self.context.long_work():
                # It waits for a reader, as the shell does.
                fd = os.open(self.context.out / self.options.path, os.O_WRONLY | os.O_CLOEXEC)
        state = self.context.state_file("pipe")
        return PipeOutput(state.parent, self.context.name, self.context.resumed, fd)

    def _is_due(self, packet: Packet) -> bool:
        """Whether the lines of the stream must be on disk now: a quarter of a window is held back at most."""
        return packet.seq + 1 - self._marks.get(packet.stream, packet.mark) >= max(1, packet.window // 4)

    def _sync(self, packet: Packet) -> int:
        if self.context.to_disk:
            os.fdatasync(self._open_parts[self._parts.key(packet.stream)].file.fileno())
        self._marks[packet.stream] = packet.seq + 1
        return packet.seq + 1

    def _part_for(self, packet: Packet) -> _OpenPart:
        key = self._parts.key(packet.stream)
        opened = self._open_parts.get(key)
        if opened is not None and not is_still_at(opened.file.fileno(), opened.path):
            opened = self._reopen(opened)
        if opened is None:
            known = self._parts.of(key)
            opened = self._open(known[-1], is_ours=True) if known else self._open(self._parts.begin(packet))
        lasted = packet.time - opened.part.time if packet.stream == opened.part.stream else 0.0
        if self.options.is_full(lasted, opened.size) and not packet.end:
            opened = self._next(packet, opened)
        return opened

    def _reopen(self, lost: _OpenPart) -> _OpenPart:
        """Its file was moved or deleted, as a log rotation does: continue in a new one. Raises OSError."""
        self._disk.check()
        self.log.warning("%s was moved or deleted; continuing in a new file", lost.path)
        lost.file.close()
        return self._open(lost.part, is_ours=True)

    def _next(self, packet: Packet, full: _OpenPart) -> _OpenPart:
        opened = self._open(self._parts.begin(packet))
        if self.context.to_disk:
            os.fdatasync(full.file.fileno())
        full.file.close()
        self.context.unfinished.done(full.path)
        self._parts.thin_out(packet, opened.path)
        return opened

    def _open(self, part: Part, is_ours: bool = False) -> _OpenPart:
        path = self._parts.path(part)
        self._disk.check()
        path.parent.mkdir(parents=True, exist_ok=True)
        self.context.unfinished.grow(path, not self._parts.names.is_single, is_ours)
        file = path.open("ab", buffering=0)
        if self.context.to_disk:
            sync_folder(path.parent)
        opened = self._open_parts[part.key] = _OpenPart(part, path, file, file.tell())
        return opened
