"""The capture stage: it finds out what kind of source is meant, and passes its pictures on."""

import glob
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from pipeline.stage import Shot, Source, StageError, stage
from stages.capture.demo import Demo
from stages.capture.image_files import ImageFiles, is_image
from stages.capture.picture_source import PictureSource
from stages.capture.video_file import VideoFile

DEMO = "demo"
"""The name of the built-in source."""


class CaptureOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the frames come from."""

    source: Annotated[
        str,
        Meta(min_length=1, description="A video file, a picture, a folder or a glob of pictures, or demo (built in)"),
    ] = DEMO
    rate: Annotated[
        float, Meta(gt=0, le=1000, description="Frames per second of a sequence of pictures; videos have their own")
    ] = 25.0
    limit: Annotated[int, Meta(ge=0, description="Stop after so many frames; 0: at the end")] = 0
    threads: Annotated[int, Meta(ge=1, le=64, description="Threads that decode a video")] = 1


@stage("capture")
class Capture(Source[CaptureOptions]):
    """Make a stream of frames from files, or from the built-in demo. Time stamps are the source's own.

    A picture that cannot be read, and a frame that cannot be decoded, is a failed frame: it keeps its number, and
    the run goes on.

    Example:
        capture: {source: people.mp4}
    """

    Options = CaptureOptions

    def open(self) -> None:
        """Open the source, so that what is wrong with it is said before anything else starts."""
        self._opened = self._open()

    def frames(self, start: int) -> Iterator[Shot]:
        """Make the frames, from number `start` on."""
        facts, limit = self._opened.facts, self.options.limit
        expected = facts.expected
        if limit:
            expected = limit if expected is None else min(limit, expected)
        self.describe(facts.description, facts.height, facts.width, expected)
        shots = self._opened.shots(start, self.slot)
        made = start
        for shot in islice(shots, max(0, limit - start)) if limit else shots:
            made += 1
            yield shot
        if expected is not None and made < expected:
            self.log.warning("%s ends after %d of %d frames that it promised", facts.description, made, expected)

    def close(self) -> None:
        """Close the source."""
        self._opened.close()

    def _open(self) -> PictureSource:
        name = self.options.source
        if name == DEMO:
            return Demo()
        if "://" in name or name.isdigit() or name.startswith("/dev/"):
            raise StageError(
                "cameras and network streams are not supported yet; "
                "name a video file, a picture, a folder or a glob of pictures, or demo"
            )
        path = Path(name)
        if path.is_dir():
            return ImageFiles([file for file in path.iterdir() if is_image(file)], name, self.options.rate)
        if path.is_file():
            if is_image(path):
                return ImageFiles([path], name, self.options.rate)
            return VideoFile(path, self.options.threads)
        if glob.has_magic(name):
            return ImageFiles([Path(file) for file in glob.glob(name, recursive=True)], name, self.options.rate)  # noqa: PTH207
        raise StageError(f"there is no file {name}")
