"""A video file, decoded by FFmpeg through PyAV: exact timestamps, and every frame accounted for."""

import logging
import re
from collections.abc import Iterator
from fractions import Fraction
from itertools import count
from pathlib import Path

import av
import av.error
from av.container import InputContainer
from av.video.stream import VideoStream
from msgspec import Struct

from framewire.pipeline.frame.shot import Shot
from framewire.pipeline.stage import StageError
from framewire.stages.capture.inputs.decoded_picture import (
    CORRUPT,
    FIELDS,
    UNALIGNED,
    picture_of,
    pixel_aspect,
    surprises,
)
from framewire.stages.capture.inputs.excerpt import Excerpt
from framewire.stages.capture.inputs.film.clock import JUMPING, FilmClock
from framewire.stages.capture.inputs.film.decoder import WITHOUT_TIMES, Decoded, decode, rate_of
from framewire.stages.capture.inputs.film.deinterlace import deinterlaced
from framewire.stages.capture.inputs.film.made import made_ms
from framewire.stages.capture.inputs.film.stream_choice import BY_ITSELF, NoVideoError, choose, others
from framewire.stages.capture.inputs.hardware import HardwareError, open_input
from framewire.stages.capture.inputs.picture_source import RATE_OTHERWISE, Slot, StreamFacts

MATROSKA_TIME = re.compile(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)$")
SEEKING = (
    "if the server cannot seek, a film with its index at the end cannot be read: download it, or use "
    "-movflags +faststart"
)
MISSING = Fraction(1, 50)
"""Share of a film's length that may be missing without a word: containers round, and sound may last longer."""
LATE_S = 1.0
"""A clock that begins later than this is told: many containers begin a second late, or less."""


class FilmAddress(Struct, frozen=True):
    """A film on a server: `shown` has no password; `open_s` and `read_s` are how long the server may be silent."""

    name: str
    shown: str
    options: dict[str, str]
    open_s: float
    read_s: float

    def open(self, hwaccel: str = "") -> tuple[InputContainer, str]:
        """See open_input."""
        return open_input(self.name, hwaccel, options=dict(self.options), timeout=(self.open_s, self.read_s))

    @property
    def has_an_end(self) -> bool:
        """Whether the server has a whole film there, not a stream that goes on. False if it does not answer, either."""
        try:
            container, _ = self.open()
        except (av.error.FFmpegError, OSError, ValueError):
            return False
        with container:
            return bool(container.duration)


class VideoFile:
    """One video of a file, or of a film on a server.

    A coded frame that gives no picture is a failed frame, in its place. Frames come in the order of their times, so a
    frame that the decoder left out is noticed as soon as a later one comes. Pictures are bit-identical to those of
    cv2.VideoCapture.
    """

    def __init__(
        self,
        place: Path | FilmAddress,
        threads: int,
        excerpt: Excerpt | None = None,
        hwaccel: str = "",
        video: int = BY_ITSELF,
        deinterlaces: bool = False,
        said: dict[str, str] | None = None,
        log: logging.Logger | None = None,
    ) -> None:
        """`said` gets what a user should know of the film, by what it concerns; `log` what may surprise, once.

        Raises StageError.
        """
        self._place = place
        self._path = place.shown if isinstance(place, FilmAddress) else place
        self.cut_short = ""
        """Why it ended early, if it did."""
        self._hwaccel = hwaccel
        self.decoder = ""
        self._threads = threads
        self._excerpt = excerpt or Excerpt()
        self._video = video
        self._deinterlaces = deinterlaces
        self._said = said if said is not None else {}
        self._log = log or logging.getLogger("framewire")
        self._told: set[str] = set()
        self._ends: Fraction | None = None
        """The time of the last picture that was decoded."""
        with self._open() as container:
            stream = self._stream(container)
            height, width = stream.codec_context.height, stream.codec_context.width
            self.facts = StreamFacts(
                str(self._path), height, width, _expected(container, stream) if self._excerpt.is_all else None
            )
            self._look_at(container, stream)

    def shots(self, start: int, slot: Slot) -> Iterator[Shot]:
        """Decode the file and yield its frames from number `start` on."""
        for number, (decoded, rate) in enumerate(self._played()):
            if number >= start:
                yield self._shot(decoded, rate, slot)

    @property
    def why_nothing(self) -> str:
        """Why it has given no frame."""
        if self._ends is not None and self._excerpt.start_s:
            return f"{self._path}: start_s: {self._excerpt.start_s:g} is past its end ({float(self._ends):.1f} s)"
        return f"{self._path} has no picture that can be decoded"

    def close(self) -> None:
        """The file is open only while it is decoded."""

    def _played(self) -> Iterator[tuple[Decoded, Fraction | None]]:
        """The frames taken, with the file's rate; when looped, their times continue."""
        offset = Fraction(0)
        for _ in range(self._excerpt.loops) if self._excerpt.loops else count():
            length, first = Fraction(0), None
            with self._open() as container:
                stream = self._stream(container)
                stream.codec_context.thread_count = self._threads
                stream.codec_context.flags |= UNALIGNED
                stream.thread_type = "AUTO" if self._threads > 1 else "NONE"
                rate = rate_of(stream)
                step = _in_ticks(1 / (rate or RATE_OTHERWISE), stream)
                for time, decoded in self._taken(self._timed(container, stream, step)):
                    first = time if first is None else first
                    length = time - first + step
                    yield _at(decoded, time + offset), rate
                if self.facts.expected is None and self._excerpt.is_all:
                    self._compare(length, _promised(container, stream))
            if not length:
                return
            offset += length

    def _compare(self, length: Fraction, promised: Fraction | None) -> None:
        """Tell if the film is much shorter than its container says: a copy may have broken off."""
        if promised is not None and promised - length > LATE_S and promised - length > promised * MISSING:
            self._say("end", f"ended early, after {float(length):.1f} of {float(promised):.1f} s")

    def _timed(
        self, container: InputContainer, stream: VideoStream, step: Fraction
    ) -> Iterator[tuple[Fraction, Decoded]]:
        """The frames with their times, in seconds since the first."""
        clock = FilmClock(step, container.format.name.split(",")[0] in JUMPING)
        frames = decode(container, stream, self._broke_off)
        for decoded in deinterlaced(frames, stream) if self._deinterlaces else frames:
            jumps = clock.jumps
            time = clock.mend(decoded.pts * decoded.unit)
            if clock.jumps > jumps:
                self._say("clock", f"jumps after {float(time):.1f} s, as in joined recordings: times go on from there")
            yield time, decoded

    def _broke_off(self, why: str) -> None:
        """It cannot be read to its end. A file says so by the frames that are missing; a server might be back."""
        if isinstance(self._place, FilmAddress):
            hint = "" if self._ends is not None else f" before any picture; {SEEKING}"
            self.cut_short = f"{self._path}: {why}{hint}"

    def _taken(self, frames: Iterator[tuple[Fraction, Decoded]]) -> Iterator[tuple[Fraction, Decoded]]:
        taken = 0
        for time, decoded in frames:
            self._ends = time
            if self._excerpt.over(float(time)):
                return
            if self._excerpt.begun(float(time)):
                if taken % self._excerpt.every == 0:
                    yield time, decoded
                taken += 1

    def _open(self) -> InputContainer:
        try:
            if isinstance(self._place, FilmAddress):
                container, self.decoder = self._place.open(self._hwaccel)
            else:
                # A name that looks like a protocol is a file all the same.
                container, self.decoder = open_input(f"file:{self._path}", self._hwaccel)
        except HardwareError as error:
            raise StageError(f"{self._path}: {error}") from error
        except (av.error.FFmpegError, OSError) as error:
            is_empty = isinstance(self._place, Path) and not self._place.stat().st_size
            why = "it is empty" if is_empty else f"FFmpeg: {error.strerror}"
            raise StageError(f"{self._path} is not a readable video: {why}") from error
        return container

    def _stream(self, container: InputContainer) -> VideoStream:
        try:
            return choose(container, self._video)
        except NoVideoError as error:
            container.close()
            raise StageError(f"{self._path} {error}") from error

    def _look_at(self, container: InputContainer, stream: VideoStream) -> None:
        """Tell what is known before the first picture."""
        if self._video == BY_ITSELF and (text := others(container, stream)):
            self._say("video", text)
        # A film that is played again is not made again.
        self._made = made_ms(container.metadata | stream.metadata) if self._excerpt.loops == 1 else None
        begins = (stream.start_time or 0) * (stream.time_base or 1)
        if begins > LATE_S:
            self._said["clock"] = f"begins at {float(begins):.3f} s; times count from the first picture"
        aspect = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio
        self._aspect = aspect if aspect and aspect != 1 else None
        if self._aspect is not None:
            self._said["pixels"] = f"are {self._aspect.numerator}:{self._aspect.denominator}, not square"

    def _say(self, what: str, text: str) -> None:
        """Tell something, once in the life of this film."""
        if what not in self._told:
            self._told.add(what)
            self._said[what] = text
            self._log.warning("%s %s", self._path, text)

    def _shot(self, decoded: Decoded, rate: Fraction | None, slot: Slot) -> Shot:
        unit = (decoded.unit.numerator, decoded.unit.denominator)
        nominal = (rate.numerator, rate.denominator) if rate else None
        frame = decoded.frame
        if frame is None:
            return Shot(decoded.pts, unit, nominal, CORRUPT)
        for what, text in surprises(frame).items():
            if what != FIELDS:
                self._say(what, text)
            elif not self._deinterlaces:
                self._say(what, f"{text}; set `deinterlace: true`")
        picture = picture_of(frame)
        slot(*picture.shape[:2])[...] = picture
        aspect = pixel_aspect(frame, self._aspect)
        taken_ms = None if self._made is None else self._made + round(decoded.pts * decoded.unit * 1000)
        return Shot(decoded.pts, unit, nominal, damaged=frame.is_corrupt, pixel_aspect=aspect, taken_ms=taken_ms)


def _at(decoded: Decoded, seconds: Fraction) -> Decoded:
    """The frame at its mended time, in whole units: finer ones for a picture that had the time of another."""
    unit = decoded.unit / (seconds / decoded.unit).denominator
    return Decoded(int(seconds / unit), unit, decoded.frame)


def _in_ticks(seconds: Fraction, stream: VideoStream) -> Fraction:
    """The nearest time that the stream's unit can tell, and at least one unit."""
    unit = stream.time_base or Fraction(1, 1000)
    return max(1, round(seconds / unit)) * unit


def _promised(container: InputContainer, stream: VideoStream) -> Fraction | None:
    """How long the container says that this video is, in seconds; None if it does not say, or only guesses."""
    if container.format.name in JUMPING:
        return None
    if stream.duration and stream.time_base:
        return stream.duration * stream.time_base
    if tag := MATROSKA_TIME.match(stream.metadata.get("DURATION", "")):
        hours, minutes, seconds = tag.groups()
        return 3600 * int(hours) + 60 * int(minutes) + Fraction(seconds)
    is_alone = len(container.streams) == 1
    return Fraction(container.duration, av.time_base) if is_alone and container.duration else None


def _expected(container: InputContainer, stream: VideoStream) -> int | None:
    """How many frames the container promises, without those that an edit list leaves out."""
    if not stream.frames:
        return None
    if container.format.name in WITHOUT_TIMES:
        # Its header may count two packets for a frame.
        return min(stream.frames, round((_promised(container, stream) or 0) * (rate_of(stream) or 0))) or None
    discarded = sum(entry.is_discard for entry in stream.index_entries)
    return max(0, stream.frames - discarded) or None
