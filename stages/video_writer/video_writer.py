"""The video_writer stage: a file for each stream, by the encoder of your choice."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from msgspec import Meta, Struct

from pipeline.option import OutputPath
from pipeline.packet import FRAME, Packet
from pipeline.stage import Sink, StageError, stage
from stages.video_writer.fragment_encoder import FragmentEncoder, Layout
from stages.video_writer.h264_encoder import H264Fragment
from stages.video_writer.journal import JournalError
from stages.video_writer.opencv_encoder import OpenCVFragment
from stages.video_writer.video_file_writer import TimedPicture, VideoFileWriter

RATE_OTHERWISE = 25.0
"""Frames per second of a stream that does not know its own, where the options do not say either: PAL's."""
REHEARSAL_SHAPE = (288, 352, 3)
"""CIF: a size that every codec takes."""

Preset = Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"]


class VideoWriterOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where, and how, the video is written."""

    path: Annotated[
        OutputPath,
        Meta(description="The file, relative to the output folder: .mp4, .mov, .mkv or .avi; {stream} is its name"),
    ] = "video.mp4"
    backend: Annotated[
        Literal["pyav", "opencv"], Meta(description="pyav: H.264 for browsers and players; opencv: cv2.VideoWriter")
    ] = "pyav"
    crf: Annotated[
        int, Meta(ge=0, le=51, description="pyav: x264's quality, smaller is better; 18 looks like the original")
    ] = 23
    preset: Annotated[Preset, Meta(description="pyav: x264's effort; a slower one makes smaller files")] = "superfast"
    fourcc: Annotated[
        str,
        Meta(pattern="^.{4}$", description="opencv: four letters of the codec, such as MJPG for .avi, mp4v for .mp4"),
    ] = "MJPG"
    rate: Annotated[
        float, Meta(ge=0, le=1000, description="Frames per second to state where the stream has none; 0: 25")
    ] = 0.0


@stage("video_writer")
class VideoWriter(Sink[VideoWriterOptions]):
    """Write the pictures into a video; time stamps and frame rate are those of the stream, variable ones too.

    The file grows as `.NAME.part`, a fragmented video that plays by itself, half a window of frames at a time, which
    is what settles; at the end it becomes NAME without a second encoding. An .avi has no time stamps: its frames are
    shown at a constant rate. Frames that failed or were dropped are left out.

    Example:
        video: {use: video_writer, input: drawn, path: faces.mp4, crf: 20}
    """

    Options = VideoWriterOptions

    def open(self) -> None:
        """See to the options that must fit each other."""
        self._writers: dict[str, VideoFileWriter] = {}
        self._ended: set[str] = set()
        self._marks: dict[str, int] = {}
        suffix = Path(self.options.path).suffix.lower()
        if not suffix:
            raise StageError(f"{self.options.path} has no suffix that says which kind of file it is; try .mp4")
        try:
            self._target("x").parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StageError(f"{self._target('x').parent} cannot be made: {error.strerror}") from error
        self._rehearse()

    def write(self, packet: Packet) -> int:
        """Add the frame; the mark is the end of the last fragment that is on disk."""
        writer = self._writer(packet)
        writer.add(self._picture(packet) if packet.alive else None)
        return writer.mark

    def end(self, packet: Packet) -> None:
        """Make the file whole."""
        self._finish(packet.stream, self._writer(packet))
        self._ended.add(packet.stream)

    def resume(self, stream: str, mark: int) -> None:
        """Go on with the journal of the worker before: its fragments begin at multiples of half a window."""
        self._marks[stream] = mark

    def close(self) -> None:
        """Files of streams that never ended (the run failed) are made whole with what there is."""
        for stream, writer in self._writers.items():
            whole = stream in self._ended
            if not whole:
                try:
                    self._finish(stream, writer)
                    whole = True
                except (StageError, OSError) as error:
                    self.log.error("%s; what was written is in .%s.part", error, writer.target.name)
            writer.close(keep_journal=not whole)

    def _rehearse(self) -> None:
        """Write one black frame: a codec or container that cannot be is said now, not after hours of work."""
        target = self._target("rehearsal")
        target = target.with_name(f".rehearsal-{target.name}")
        writer = VideoFileWriter(target, 1, self._encoder())
        try:
            writer.add(TimedPicture(np.zeros(REHEARSAL_SHAPE, np.uint8), 0, (1, 25), (25, 1)))
            writer.finish()
        except OSError as error:
            raise StageError(f"{target.parent} cannot be written to: {error.strerror}") from error
        finally:
            writer.close(keep_journal=False)
            target.unlink(missing_ok=True)

    def _finish(self, stream: str, writer: VideoFileWriter) -> None:
        if not writer.finish():
            self.log.warning("no frame of %s had a picture: %s is not written", stream, writer.target)

    def _picture(self, packet: Packet) -> TimedPicture:
        if FRAME not in packet.pictures:
            raise StageError(f"frame {packet.seq} of {packet.stream} has no picture")
        return TimedPicture(self.picture(packet), packet.pts, packet.time_base, self._rate(packet))

    def _rate(self, packet: Packet) -> tuple[int, int]:
        if packet.rate is not None:
            return packet.rate
        rate = Fraction(self.options.rate or RATE_OTHERWISE).limit_denominator(1001)
        return rate.numerator, rate.denominator

    def _writer(self, packet: Packet) -> VideoFileWriter:
        writer = self._writers.get(packet.stream)
        if writer is not None:
            return writer
        target = self._target(packet.stream)
        for stream, other in self._writers.items():
            if other.target == target:
                raise StageError(
                    f"{packet.stream} and {stream} would be written to the same {target}; put {{stream}} into `path`"
                )
        frames = max(1, packet.window // 2)
        try:
            writer = VideoFileWriter(target, frames, self._encoder(), self._marks.get(packet.stream, 0))
        except (OSError, JournalError) as error:
            raise StageError(f"{target} cannot be written: {error}") from error
        self._writers[packet.stream] = writer
        return writer

    def _target(self, stream: str) -> Path:
        return Path(self.context.out, self.options.path.replace("{stream}", stream))

    def _encoder(self) -> Callable[[Layout, Path], FragmentEncoder]:
        options = self.options
        if options.backend == "opencv":
            return lambda layout, scratch: OpenCVFragment(layout, options.fourcc, scratch)
        return lambda layout, scratch: H264Fragment(layout, options.crf, options.preset)
