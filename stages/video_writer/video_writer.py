"""The video_writer stage: a file per stream, with the encoder of your choice."""

from collections.abc import Callable, Sequence
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from msgspec import Meta

from framewire.pipeline.frame.packet import FRAME, Packet
from framewire.pipeline.option import OutputPath
from framewire.pipeline.stage import Sink, StageError, stage
from framewire.stages.parts.output_folder import OutputFolder
from framewire.stages.parts.part_name import part_templates
from framewire.stages.parts.parts import Parts
from framewire.stages.parts.rotation import KEEPING, RotationOptions
from framewire.stages.video_writer.fragment_encoder import FragmentEncoder, Layout
from framewire.stages.video_writer.h264_encoder import H264Fragment
from framewire.stages.video_writer.journal import JournalError, cut_torn_end, is_journal
from framewire.stages.video_writer.opencv_encoder import OpenCVFragment
from framewire.stages.video_writer.recording import Recording, RecordingRules
from framewire.stages.video_writer.remux import remux
from framewire.stages.video_writer.video_file_writer import TimedPicture, VideoFileWriter

RATE_OTHERWISE = 25.0
"""Default frames per second, where neither the stream nor the options give a rate: PAL's."""
REHEARSAL_SHAPE = (288, 352, 3)
"""CIF: a size that every codec takes."""

Preset = Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"]


class VideoWriterOptions(RotationOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where and how to write the video."""

    path: Annotated[
        OutputPath,
        Meta(
            description="File in the output folder: .mp4, .mov, .mkv or .avi; {stream} is the stream's name, "
            "{start:%Y%m%d-%H%M%S} when the file began, {part} its number"
        ),
    ] = "video.mp4"
    backend: Annotated[
        Literal["pyav", "opencv"], Meta(description="pyav: H.264 for browsers and players; opencv: cv2.VideoWriter")
    ] = "pyav"
    crf: Annotated[
        int, Meta(ge=0, le=51, description="pyav: x264's quality, smaller is better; 18 looks like the original")
    ] = 23
    preset: Annotated[Preset, Meta(description="pyav: x264's effort; slower ones make smaller files")] = "superfast"
    fourcc: Annotated[
        str,
        Meta(pattern="^.{4}$", description="opencv: the codec's four letters, such as MJPG for .avi, mp4v for .mp4"),
    ] = "MJPG"
    rate: Annotated[float, Meta(ge=0, le=1000, description="Frames per second where the stream has none; 0: 25")] = 0.0


@stage("video_writer")
class VideoWriter(Sink[VideoWriterOptions]):
    """Write the pictures into a video with the stream's timestamps and frame rate, variable ones too.

    The file grows as `.NAME.part`, a playable fragmented video, and settles half a window of frames at a time; at the
    end it becomes NAME without re-encoding. An .avi has no timestamps: its frames are shown at a constant rate. Failed
    and dropped frames are left out. `rotate_s` and `rotate_mb` begin a new file from time to time, at a fragment;
    `keep_mb` and `keep_files` limit disk use.

    Example:
        video: {use: video_writer, input: drawn, path: faces.mp4, crf: 20}
    """

    Options = VideoWriterOptions
    tuning = KEEPING

    @classmethod
    def outputs(cls, options: VideoWriterOptions) -> Sequence[str]:
        """All parts, and what they grow as."""
        parts = part_templates(options.path, options.rotates)
        return [*parts, *(str(VideoFileWriter.journal_of(Path(part))) for part in parts)]

    @classmethod
    def recover(cls, growing: Path, target: Path) -> int:
        """All whole fragments; see Sink."""
        last = cut_torn_end(growing)
        layout = last.layout if last is not None else None
        count = remux(growing, target, layout.rate) if layout is not None else 0
        growing.unlink()
        return count

    @classmethod
    def wrote(cls, growing: Path) -> bool:
        """Whether it is a journal; see Sink."""
        return is_journal(growing)

    def open(self) -> None:
        """Check options that must fit each other."""
        self._recordings: dict[str, Recording] = {}
        self._marks: dict[str, int] = {}
        self._new_parts: set[str] = set()
        suffix = Path(self.options.path).suffix.lower()
        if not suffix:
            raise StageError(f"{self.options.path} has no suffix to tell the file type; try .mp4")
        try:
            self._parts = Parts(self.context, self.options, self.options.path)
            folder = self._parts.path_of(str(self._parts.names.fixed_folder))
            folder.mkdir(parents=True, exist_ok=True)
            self._rehearse(folder)
            self._disk = OutputFolder(folder)
        except OSError as error:
            raise StageError(f"{self.options.path} cannot be written: {error.strerror}") from error

    def write(self, packet: Packet) -> int:
        """Add the frame; the mark is the end of the last fragment on disk."""
        recording = self._recording(packet)
        recording.add(packet, self._picture(packet) if packet.alive else None)
        return recording.mark

    def settle(self, packet: Packet) -> int:
        """End the open fragment; see Sink."""
        return self._recording(packet).settle()

    def end(self, packet: Packet) -> None:
        """Complete the file."""
        self._recording(packet).finish(packet)

    def resume(self, stream: str, mark: int) -> None:
        """Continue the journal at `mark`, where a fragment ends."""
        recording = self._recordings.pop(stream, None)
        if recording is not None:
            recording.leave()
        elif self.context.run_resumed:
            self._new_parts.add(stream)
        self._marks[stream] = mark

    def close(self) -> None:
        """Complete the files of streams that never ended (the run failed) with what there is."""
        for recording in self._recordings.values():
            try:
                recording.close()
            except (StageError, OSError) as error:
                self.log.error("%s; what was written is in .%s.part", error, recording.target.name)

    def _rehearse(self, folder: Path) -> None:
        """Write one black frame: an unusable codec or container is reported now, not hours later."""
        target = folder / f".rehearsal-{self._target('rehearsal').name}"
        writer = VideoFileWriter(target, 1, self._encoder())
        try:
            writer.add(TimedPicture(np.zeros(REHEARSAL_SHAPE, np.uint8), 0, (1, 25), (25, 1)))
            writer.finish()
        except OSError as error:
            raise StageError(f"{target.parent} cannot be written to: {error.strerror}") from error
        finally:
            writer.close(keep_journal=False)
            target.unlink(missing_ok=True)

    def _no_picture(self, target: Path) -> None:
        self.log.warning("no frame had a picture: %s is not written", target)

    def _picture(self, packet: Packet) -> TimedPicture:
        if FRAME not in packet.pictures:
            raise StageError(f"frame {packet.seq} of {packet.stream} has no picture")
        return TimedPicture(
            self.picture(packet), packet.pts, packet.time_base, self._rate(packet), packet.pixel_aspect or (1, 1)
        )

    def _rate(self, packet: Packet) -> tuple[int, int]:
        if packet.rate is not None:
            return packet.rate
        rate = Fraction(self.options.rate or RATE_OTHERWISE).limit_denominator(1001)
        return rate.numerator, rate.denominator

    def _recording(self, packet: Packet) -> Recording:
        recording = self._recordings.get(packet.stream)
        if recording is not None:
            return recording
        if self._recordings and not self._parts.names.by_stream:
            other = next(iter(self._recordings))
            raise StageError(
                f"{packet.stream} and {other} would be written to the same {self._target(other)}; "
                "put {stream} into `path`"
            )
        self._disk.check()
        context = self.context
        rules = RecordingRules(
            self._parts,
            context.unfinished,
            self._encoder(),
            self._no_picture,
            context.to_disk,
            context.long_work,
        )
        # A film of a live stream would stand still for as long as no run was going on.
        begins_part = packet.live and packet.stream in self._new_parts
        try:
            recording = Recording(rules, packet, self._marks.get(packet.stream, packet.seq), begins_part)
        except JournalError as error:
            raise StageError(str(error)) from error
        self._new_parts.discard(packet.stream)
        self._recordings[packet.stream] = recording
        return recording

    def _target(self, stream: str) -> Path:
        return self._parts.path_of(self._parts.names.path(stream, datetime.now(), 0))

    def _encoder(self) -> Callable[[Layout, Path], FragmentEncoder]:
        options = self.options
        if options.backend == "opencv":
            return lambda layout, scratch: OpenCVFragment(layout, options.fourcc, scratch)
        return lambda layout, scratch: H264Fragment(layout, options.crf, options.preset)
