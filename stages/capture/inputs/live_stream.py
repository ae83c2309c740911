"""A camera or network stream: a thread connects, decodes and reconnects; the newest picture waits for the engine."""

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from fractions import Fraction

import av.error
from av.container import InputContainer
from av.video.frame import VideoFrame
from msgspec import Struct

from framewire.pipeline.frame.shot import Shot
from framewire.pipeline.stage import StageError, StreamPhase
from framewire.stages.capture.inputs.address import Address
from framewire.stages.capture.inputs.backoff import waits
from framewire.stages.capture.inputs.decoded_picture import CORRUPT, UNALIGNED, picture_of, pixel_aspect, surprises
from framewire.stages.capture.inputs.hardware import HardwareError, open_input
from framewire.stages.capture.inputs.newest import Newest
from framewire.stages.capture.inputs.outage import Outage
from framewire.stages.capture.inputs.picture_source import RATE_OTHERWISE, Slot
from framewire.stages.capture.inputs.silence import Silence

MICROSECONDS = (1, 1_000_000)
"""Timestamps are arrival times: a stream's own may jump, run backwards, and restart after each connection."""
RETRYING = "; retrying in "
ENDED = "the stream has ended"
NEWS_MAX = 100
"""Lines queued for the log; a flapping stream must not fill the memory."""


class LiveRules(Struct, frozen=True):
    """`open_s` and `read_s`: how long a server may be silent; `tries`: failures in a row before it ends, 0: never.

    With `once` there is one connection and every picture is kept: a pipe. `hwaccel` is the type of decoding device,
    see hardware.py.
    """

    open_s: float
    read_s: float
    tries: int
    once: bool = False
    hwaccel: str = ""


class Came(Struct, frozen=True):
    """A picture as it is read, none if it could not be decoded; its own time in seconds, none to take its arrival."""

    frame: VideoFrame | None
    time: Fraction | None = None


Reader = Callable[[InputContainer], Iterator[Came]]
"""Reads the pictures of a connection, in order."""


def arriving(container: InputContainer) -> Iterator[Came]:
    """The pictures of the first video, as they come."""
    return (Came(frame) for frame in container.decode(video=0))


class _Seen(Struct):
    """`at` by the monotonic clock, `taken_ms` since 1970."""

    came: Came
    at: float
    taken_ms: int


class LiveStream:
    """Reads one stream in its own thread. What the engine's thread calls never blocks."""

    def __init__(
        self,
        address: Address,
        rules: LiveRules,
        wake: Callable[[], None],
        rng: random.Random,
        read: Reader = arriving,
    ) -> None:
        self.address = address
        self._read = read
        self._aspect: Fraction | None = None
        self.first = 0
        """The number of the first picture: more than 0 in a replacement."""
        self.size = (0, 0)
        """Height and width, once it is live."""
        self.state = StreamPhase.CONNECTING
        self.connections = 0
        self.news: deque[tuple[int, str]] = deque(maxlen=NEWS_MAX)
        self.rate: Fraction | None = None
        self.failure = ""
        self.decoder = ""
        self._rules = rules
        self._wake = wake
        self._rng = rng
        self._newest: Newest[_Seen] = Newest(keeps_all=rules.once)
        self._stop = threading.Event()
        self.began: float | None = None
        """When the stream's first picture came, by the monotonic clock; set it to continue an earlier clock."""
        self._silence = Silence()
        self._live_since = 0.0
        self._outage = Outage()
        self._thread = threading.Thread(target=self._run, name="stream", daemon=True)

    def start(self) -> None:
        """Start connecting."""
        self._thread.start()

    def close(self) -> None:
        """Stop the thread; a connection that hangs is left to time out."""
        self._stop.set()
        self._newest.close()
        self._thread.join(timeout=1.0)

    @property
    def ready(self) -> bool:
        """Whether there is a picture, or no more will come."""
        return self._newest.there or self.state is StreamPhase.ENDED

    @property
    def stalls_at(self) -> float | None:
        """When it will count as stalled unless a picture comes; None if it is not live."""
        return self._silence.stalls_at if self.state is StreamPhase.LIVE else None

    def first_news(self, woken: threading.Event, wait_s: float) -> str:
        """That it is live, in words; waits for it. `woken` is what `wake` sets. Raises StageError if it is not."""
        until = time.monotonic() + wait_s
        while not self.news and self.state is not StreamPhase.ENDED and (left := until - time.monotonic()) > 0:
            woken.wait(left)
            woken.clear()
        level, text = self.news.popleft() if self.news else (logging.ERROR, self.failure or "no answer")
        if level > logging.INFO:
            raise StageError(text.partition(RETRYING)[0])
        return text

    def look(self) -> None:
        """Check for a stall."""
        stalls_at = self.stalls_at
        if stalls_at is not None and time.monotonic() >= stalls_at and not self._newest.there:
            self._say(logging.WARNING, f"no picture for {self._silence.allowed_s:.2g} s")
            self._now(StreamPhase.STALLED)

    def shot(self, slot: Slot) -> Shot | None:
        """The newest picture, written to its place; None if no more will come."""
        seen, replaced = self._newest.take()
        if seen is None:
            return None
        frame, own = seen.came.frame, seen.came.time
        rate = (self.rate.numerator, self.rate.denominator) if self.rate else None
        if self.began is None:
            self.began = seen.at
        since, unit = (round((seen.at - self.began) * 1e6), MICROSECONDS) if own is None else self._later(own)
        # A film's own time says nothing of when it was made.
        taken_ms = seen.taken_ms if own is None else None
        if frame is None:
            return Shot(since, unit, rate, CORRUPT, replaced=replaced, taken_ms=taken_ms)
        picture = picture_of(frame)
        slot(*picture.shape[:2])[...] = picture
        aspect = pixel_aspect(frame, self._aspect)
        return Shot(
            since, unit, rate, damaged=frame.is_corrupt, replaced=replaced, pixel_aspect=aspect, taken_ms=taken_ms
        )

    def _later(self, time: Fraction) -> tuple[int, tuple[int, int]]:
        """A picture's own time, in whole units: behind the frames of the worker before this one."""
        since = time + self.first / (self.rate or RATE_OTHERWISE)
        return since.numerator, (1, since.denominator)

    def _run(self) -> None:
        failed = 0
        pauses = waits(self._rng)
        while not self._stop.is_set():
            self._now(StreamPhase.CONNECTING)
            why, pictures = self._connection()
            if self._stop.is_set():
                break
            if self._rules.once:
                if not pictures or why != ENDED:
                    self.failure = f"{self.address.shown}: {why}"
                break
            if pictures:
                failed, pauses = 0, waits(self._rng)
            failed += 1
            if self._rules.tries and failed >= self._rules.tries:
                self.failure = f"{self.address.shown}: {why}; gave up after {failed} tries in a row"
                break
            pause = next(pauses)
            live_s = time.monotonic() - self._live_since if pictures else 0.0
            if text := self._outage.failed(why, live_s):
                self._say(logging.WARNING, f"{text}{RETRYING}{pause:.1f} s")
            self._now(StreamPhase.DOWN)
            self._stop.wait(pause)
        self._now(StreamPhase.ENDED)

    def _connection(self) -> tuple[str, int]:
        """Read one connection to its end: why it ended, and how many pictures came."""
        pictures = 0
        try:
            with self._open() as container:
                for came in self._read(container):
                    if self._stop.is_set():
                        break
                    pictures += 1
                    now = time.monotonic()
                    if pictures == 1:
                        self._connected(container, came.frame, now)
                    self._silence.picture(now)
                    if self.state is StreamPhase.STALLED:
                        self._say(logging.INFO, "receiving again")
                        self._now(StreamPhase.LIVE)
                    if self._newest.put(_Seen(came, now, round(time.time() * 1000))):
                        self._wake()
        except (av.error.FFmpegError, OSError, ValueError, IndexError) as error:
            # Its text may include the address and password; its type does not.
            hint = f" ({self.address.hint})" if self.address.hint and not pictures else ""
            return f"{_why(error, pictures)}{hint}", pictures
        return ENDED, pictures

    def _open(self) -> InputContainer:
        address = self.address
        container, self.decoder = open_input(
            address.name,
            self._rules.hwaccel,
            format=address.format or None,
            options=dict(address.options),
            timeout=None if self._rules.once else (self._rules.open_s, self._rules.read_s),
        )
        if not container.streams.video:
            container.close()
            raise ValueError("no video stream")
        # No frame threads: each adds a frame of latency.
        container.streams.video[0].thread_type = "NONE"
        container.streams.video[0].codec_context.flags |= UNALIGNED
        return container

    def _connected(self, container: InputContainer, frame: VideoFrame | None, now: float) -> None:
        stream = container.streams.video[0]
        self.rate = stream.average_rate or stream.guessed_rate
        self.size = (stream.codec_context.height, stream.codec_context.width)
        self._aspect = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio
        self.connections += 1
        # Before the stream is live: it would count as stalled since its last connection.
        self._silence.connected(now, float(self.rate or 0))
        self._live_since = now
        if self._outage.is_over():
            self._say(logging.INFO, f"live, {stream.codec_context.width}x{stream.codec_context.height}")
            for text in surprises(frame).values() if frame is not None else ():
                self._say(logging.WARNING, text)
        self._now(StreamPhase.LIVE)

    def _say(self, level: int, text: str) -> None:
        self.news.append((level, f"{self.address.shown}: {text}"))

    def _now(self, state: StreamPhase) -> None:
        if state is not self.state or state is StreamPhase.ENDED:
            self.state = state
            self._wake()


def shots(stream: LiveStream, slot: Slot) -> Iterator[Shot]:
    """The pictures of a stream, until no more will come. Advance it only when ready."""
    while (shot := stream.shot(slot)) is not None:
        yield shot


def _why(error: Exception, pictures: int) -> str:
    if isinstance(error, av.error.ExitError):
        return "no data for too long" if pictures else "no answer"
    if isinstance(error, av.error.FFmpegError):
        return error.strerror or type(error).__name__
    if isinstance(error, HardwareError):
        return str(error)
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return "no video stream"
