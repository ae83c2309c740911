"""A video file, decoded by FFmpeg through PyAV: exact timestamps, and every frame accounted for."""

from collections.abc import Iterator
from fractions import Fraction
from heapq import heappop, heappush
from itertools import count
from pathlib import Path
from typing import Any

import av.error
import numpy as np
from av.container import InputContainer
from av.packet import Packet as CodedPacket
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from framewire.pipeline.frame.ring import Pixels
from framewire.pipeline.stage import Shot, StageError
from framewire.stages.capture.inputs.excerpt import Excerpt
from framewire.stages.capture.inputs.hardware import HardwareError, open_input
from framewire.stages.capture.inputs.picture_source import Slot, StreamFacts

RATE_OTHERWISE = Fraction(25)
"""Frames per second of an elementary stream by default: PAL's."""
CORRUPT = "corrupt"
"""The reason if a frame was in the file but could not be decoded."""


Decoded = tuple[int, Fraction, VideoFrame | None]
"""Timestamp, its unit in seconds, and the frame; None if the decoder gave none for this timestamp."""


class VideoFile:
    """The first video stream of a file. A coded frame that gives no picture is a failed frame, in its place.

    Frames come in timestamp order, so a frame that the decoder left out is noticed as soon as a later one comes.
    Pictures are bit-identical to those of cv2.VideoCapture.
    """

    def __init__(self, path: Path, threads: int, excerpt: Excerpt | None = None, hwaccel: str = "") -> None:
        """Raises StageError."""
        self._path = path
        self._hwaccel = hwaccel
        self.decoder = ""
        self._threads = threads
        self._excerpt = excerpt or Excerpt()
        with self._open() as container:
            stream = container.streams.video[0]
            height, width = stream.codec_context.height, stream.codec_context.width
            expected = stream.frames or None if self._excerpt.is_all else None
            self.facts = StreamFacts(str(path), height, width, expected)

    def shots(self, start: int, slot: Slot) -> Iterator[Shot]:
        """Decode the file and yield its frames from number `start` on."""
        for number, (decoded, rate) in enumerate(self._played()):
            if number >= start:
                yield _shot(decoded, rate, slot)

    def _played(self) -> Iterator[tuple[Decoded, Fraction | None]]:
        """The frames taken, with the file's rate; when looped, their times continue."""
        offset = Fraction(0)
        for _ in range(self._excerpt.loops) if self._excerpt.loops else count():
            length, first = Fraction(0), None
            with self._open() as container:
                stream = container.streams.video[0]
                stream.codec_context.thread_count = self._threads
                stream.thread_type = "AUTO" if self._threads > 1 else "NONE"
                rate = stream.average_rate or stream.guessed_rate
                for pts, time_base, frame in self._taken(_decode(container, stream)):
                    shifted = pts + round(offset / time_base)
                    first = pts * time_base if first is None else first
                    length = pts * time_base - first + 1 / (rate or RATE_OTHERWISE)
                    yield (shifted, time_base, frame), rate
            if not length:
                return
            offset += length

    def _taken(self, frames: Iterator[Decoded]) -> Iterator[Decoded]:
        first: Fraction | None = None
        taken = 0
        for pts, time_base, frame in frames:
            time = pts * time_base
            first = time if first is None else first
            seconds = float(time - first)
            if self._excerpt.over(seconds):
                return
            if self._excerpt.begun(seconds):
                if taken % self._excerpt.every == 0:
                    yield pts, time_base, frame
                taken += 1

    def close(self) -> None:
        """The file is open only while it is decoded."""

    def _open(self) -> InputContainer:
        try:
            container, self.decoder = open_input(str(self._path), self._hwaccel)
        except HardwareError as error:
            raise StageError(f"{self._path}: {error}") from error
        except av.error.FFmpegError as error:
            size = self._path.stat().st_size
            why = "it is empty" if not size else f"FFmpeg: {error.strerror}"
            raise StageError(f"{self._path} is not a readable video: {why}") from error
        if not container.streams.video:
            kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
            container.close()
            raise StageError(f"{self._path} has no video, only {kinds}")
        if container.streams.video[0].codec_context is None:
            container.close()
            raise StageError(f"{self._path}: no decoder for its video")
        return container


def _decode(container: InputContainer, stream: VideoStream) -> Iterator[Decoded]:
    owed: list[int] = []
    last, last_dts, in_order = None, None, True
    time_base = stream.time_base or Fraction(1, 1000)
    rate = stream.average_rate or stream.guessed_rate or RATE_OTHERWISE
    step = max(1, round(1 / (rate * time_base)))
    for coded in _packets(container, stream):
        if coded.dts is not None and last_dts is not None and coded.dts < last_dts:
            # Time jumps back: missing frames cannot be identified from here on.
            in_order = False
            owed.clear()
        last_dts = coded.dts if coded.dts is not None else last_dts
        if in_order and coded.size and coded.pts is not None and not coded.is_discard:
            heappush(owed, coded.pts)
        for frame in _frames_of(coded):
            pts = frame.pts
            if pts is None:
                # An elementary stream has no timestamps: frames follow at its rate.
                pts = 0 if last is None else last + step
            unit = frame.time_base or time_base
            while owed and owed[0] < pts:
                yield heappop(owed), time_base, None
            if owed and owed[0] == pts:
                heappop(owed)
            last = pts
            yield pts, unit, frame
    while owed:
        yield heappop(owed), time_base, None


def _packets(container: InputContainer, stream: VideoStream) -> Iterator[CodedPacket]:
    """The stream's packets, then the empty one that flushes the decoder, even if the file is truncated."""
    demuxed = container.demux(stream)
    while True:
        try:
            coded = next(demuxed)
        except StopIteration:
            return
        except av.error.FFmpegError:
            flush: Any = CodedPacket(0)
            flush.stream = stream
            yield flush
            return
        yield coded


def _frames_of(coded: CodedPacket) -> list[VideoFrame]:
    try:
        return [frame for frame in coded.decode() if isinstance(frame, VideoFrame)]
    except av.error.FFmpegError:
        return []


def _shot(decoded: Decoded, rate: Fraction | None, slot: Slot) -> Shot:
    pts, time_base, frame = decoded
    unit = (time_base.numerator, time_base.denominator)
    nominal = (rate.numerator, rate.denominator) if rate else None
    if frame is None:
        return Shot(pts, unit, nominal, CORRUPT)
    picture = picture_of(frame)
    slot(*picture.shape[:2])[...] = picture
    return Shot(pts, unit, nominal, damaged=frame.is_corrupt)


def picture_of(frame: VideoFrame) -> Pixels:
    """The frame's pixels, (height, width, 3) BGR, rotated as the stream says; freed with the frame."""
    return _upright(_bgr(frame), frame.rotation)


def _bgr(frame: VideoFrame) -> Pixels:
    """The frame's pixels, (height, width, 3) BGR; rows may be padded."""
    plane = frame.reformat(format="bgr24", threads=1).planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
    return rows[:, : plane.width * 3].reshape(plane.height, plane.width, 3)


def _upright(picture: Pixels, degrees: int) -> Pixels:
    """The picture rotated by the file's `degrees` counter-clockwise (a phone held sideways)."""
    return np.rot90(picture, round(degrees / 90) % 4) if degrees else picture
