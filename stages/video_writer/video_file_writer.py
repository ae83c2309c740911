"""One growing video file: fragments of frames, a journal, and the finished file at the end."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from msgspec import Struct

from framewire.pipeline.frame.ring import Pixels
from framewire.stages.video_writer.fragment_encoder import FragmentEncoder, Layout
from framewire.stages.video_writer.journal import Journal, Marker
from framewire.stages.video_writer.remux import remux

TIMESCALE_MIN = 10_000
"""FFmpeg's MP4 writer doubles a smaller timescale until it is at least this; we do it first, so both agree."""
TIMESCALE_MAX = 2**31 - 1
TIMESCALE_OTHERWISE = 90_000
"""MPEG's clock, for streams whose own unit does not fit into 31 bits."""


class TimedPicture(Struct, frozen=True):
    """A picture and when it is shown: `pts` in units of `time_base` seconds; `rate` in frames per second.

    `pixel_aspect` is a pixel's width to its height.
    """

    pixels: Pixels
    pts: int
    time_base: tuple[int, int]
    rate: tuple[int, int]
    pixel_aspect: tuple[int, int] = (1, 1)


EncoderFactory = Callable[[Layout, Path], FragmentEncoder]
"""Makes the encoder of one fragment; the path is a scratch file beside the target that it may use."""


class VideoFileWriter:
    """Writes frames 0, 1, 2, ... of one stream, or those from `first` on, which begins at time 0.

    They become safe `fragment_frames` at a time. Fragments begin at multiples of it, so the file does not depend on
    where a worker died; only `settle` ends one early. All pictures get the size of the first one: others are
    scaled, with black bars.
    """

    def __init__(
        self,
        target: Path,
        fragment_frames: int,
        new_encoder: EncoderFactory,
        mark: int = 0,
        first: int = 0,
        to_disk: bool = False,
        begins_s: float = 0.0,
    ) -> None:
        """Start the file with frame `first`, or continue a dead worker's at `mark`.

        `begins_s` is the time of frame `first`, in seconds of the stream. Raises JournalError, OSError.
        """
        self.target = target
        self._to_disk = to_disk
        self._begins_s = begins_s
        self._fragment_frames = fragment_frames
        self._new_encoder = new_encoder
        self._journal = Journal(self.journal_of(target), mark, first, to_disk)
        self._next_seq = mark
        self._fragment: FragmentEncoder | None = None
        self._first_time = 0
        self._layout = self._journal.marker.layout
        self._offset = self._journal.marker.offset
        self._last_time = self._journal.marker.last_time

    @staticmethod
    def journal_of(target: Path) -> Path:
        """Where the file grows until complete."""
        return target.with_name(f".{target.name}.part")

    @property
    def mark(self) -> int:
        """Every frame below this is safe."""
        return self._journal.mark

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._journal.size

    def add(self, picture: TimedPicture | None) -> None:
        """Add the next frame; None for one without a picture."""
        if picture is not None:
            self._encode(picture)
        self._next_seq += 1
        if self._next_seq % self._fragment_frames == 0:
            self.settle()

    def settle(self) -> None:
        """End the fragment here: every frame so far becomes safe. Raises OSError."""
        if self._next_seq == self._journal.mark:
            return
        movie = self._fragment.finish() if self._fragment is not None else b""
        self._fragment = None
        marker = Marker(self._journal.mark, self._next_seq, self._offset, self._last_time, self._layout)
        self._journal.append(marker, movie, self._first_time)

    def finish(self) -> int:
        """Complete the file; returns the number of pictures in it, 0 if there are none: then nothing is written."""
        self.settle()
        if self._layout is None:
            return 0
        return remux(self._journal.path, self.target, self._layout.rate, self._to_disk)

    def close(self, keep_journal: bool) -> None:
        """Close the journal: a crash before this would have needed it."""
        if self._fragment is not None:
            self._fragment.abandon()
            self._fragment = None
        self._journal.close()
        if not keep_journal:
            self._journal.path.unlink(missing_ok=True)

    def _encode(self, picture: TimedPicture) -> None:
        layout = self._layout or self._first_layout(picture)
        time = self._time(picture, layout)
        if self._fragment is None:
            self._fragment = self._new_encoder(layout, self._scratch())
            self._first_time = time
        self._fragment.add(fit(picture.pixels, layout.width, layout.height), time)
        self._last_time = time

    def _first_layout(self, picture: TimedPicture) -> Layout:
        height, width = picture.pixels.shape[:2]
        timescale = timescale_for(picture.time_base)
        self._offset = -round(self._begins_s * timescale)
        self._layout = Layout(width, height, timescale, picture.rate, picture.pixel_aspect)
        return self._layout

    def _time(self, picture: TimedPicture, layout: Layout) -> int:
        """The picture's time in the file: its own, but always after that of the picture before."""
        return max(_units(picture, layout.timescale) + self._offset, self._last_time + 1)

    def _scratch(self) -> Path:
        return self.target.with_name(f".{self.target.stem}.fragment{self.target.suffix}")


def timescale_for(time_base: tuple[int, int]) -> int:
    """Units per second in which every timestamp of a stream with this unit is a whole number."""
    timescale = time_base[1]
    while timescale < TIMESCALE_MIN:
        timescale *= 2
    return timescale if timescale <= TIMESCALE_MAX else TIMESCALE_OTHERWISE


def _units(picture: TimedPicture, timescale: int) -> int:
    return round(picture.pts * picture.time_base[0] * timescale / picture.time_base[1])


def fit(pixels: Pixels, width: int, height: int) -> Pixels:
    """The picture at this size: itself, or scaled whole and centred on black."""
    have_height, have_width = pixels.shape[:2]
    if (have_width, have_height) == (width, height):
        return pixels
    scale = min(width / have_width, height / have_height)
    inner = (max(1, min(width, round(have_width * scale))), max(1, min(height, round(have_height * scale))))
    small = np.asarray(cv2.resize(pixels, inner, interpolation=cv2.INTER_AREA), np.uint8)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    fitted = np.zeros((height, width, 3), np.uint8)
    fitted[top : top + inner[1], left : left + inner[0]] = small
    return fitted
