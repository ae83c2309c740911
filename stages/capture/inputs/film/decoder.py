"""Decoding: every picture of a video, in order, and each that is missing, in its place."""

from collections import deque
from collections.abc import Callable, Iterator
from fractions import Fraction
from heapq import heappop, heappush
from typing import Any

import av.error
from av.container import InputContainer
from av.packet import Packet as CodedPacket
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from msgspec import Struct

from framewire.stages.capture.inputs.picture_source import RATE_OTHERWISE

WITHOUT_TIMES = frozenset({"avi"})
"""Containers that number their packets as they are decoded, not as they are shown: frame n is shown at n / rate."""
ROOM = Fraction(3, 2)
"""Frames' time between two pictures from which another could have been between them."""


class Decoded(Struct, frozen=True):
    """Timestamp, its unit in seconds, and the frame; None if one should be here and could not be decoded."""

    pts: int
    unit: Fraction
    frame: VideoFrame | None


def rate_of(stream: VideoStream) -> Fraction | None:
    """Its frames per second, if the container says so."""
    if stream.container is not None and stream.container.format.name in WITHOUT_TIMES:
        # The average counts packets, of which there may be twice as many as frames.
        return stream.guessed_rate or stream.average_rate
    return stream.average_rate or stream.guessed_rate


def decode(
    container: InputContainer, stream: VideoStream, broke_off: Callable[[str], None] = lambda why: None
) -> Iterator[Decoded]:
    """All pictures in the order in which they are shown. `broke_off` gets why it cannot be read to its end.

    A frame is missing if the decoder refuses its packet, or if a packet has a time between two pictures that are
    further apart than two frames are. A packet that gives no picture is no sign of anything: some never do. What comes
    before the first key frame was never meant to be shown.
    """
    unit = stream.time_base or Fraction(1, 1000)
    step = max(1, round(1 / ((rate_of(stream) or RATE_OTHERWISE) * unit)))
    missing = _Missing(step)
    numbered = _Numbered() if container.format.name in WITHOUT_TIMES else None
    last: int | None = None
    has_key = False
    for coded in _packets(container, stream, broke_off):
        has_key = has_key or coded.is_keyframe
        frames, is_refused = _frames_of(coded)
        time = coded.pts
        if numbered is not None:
            time = numbered.sent(coded)
        if is_refused and has_key and coded.size:
            missing.refused(time if time is not None else (last or 0) + step)
            if numbered is not None:
                numbered.refused()
        elif has_key and coded.size and not coded.is_discard and numbered is None:
            missing.sent(coded)
        for frame in frames:
            pts = frame.pts if numbered is None else numbered.shown()
            if pts is None:
                # An elementary stream has no timestamps: frames follow at its rate.
                pts = 0 if last is None else last + step
            for gone in missing.before(pts, last):
                yield Decoded(gone, unit, None)
            last = pts
            yield Decoded(pts, frame.time_base or unit, frame)
    for gone in missing.left():
        yield Decoded(gone, unit, None)


class _Missing:
    """The times of packets from which no picture has come, and of those that the decoder has refused."""

    def __init__(self, step: int) -> None:
        self._step = step
        self._owed: list[int] = []
        self._refused: list[int] = []
        self._last_dts: int | None = None

    def sent(self, coded: CodedPacket) -> None:
        if coded.dts is not None and self._last_dts is not None and coded.dts < self._last_dts:
            # Time jumps back: what is missing cannot be told from here on.
            self._owed.clear()
        self._last_dts = coded.dts if coded.dts is not None else self._last_dts
        if coded.pts is not None:
            heappush(self._owed, coded.pts)

    def refused(self, pts: int) -> None:
        heappush(self._refused, pts)

    def before(self, pts: int, last: int | None) -> list[int]:
        """What is missing between the last picture and this one."""
        gone = []
        while self._refused and (self._refused[0] < pts or (last is not None and pts <= last)):
            gone.append(heappop(self._refused))
        between = []
        while self._owed and self._owed[0] <= pts:
            owed = heappop(self._owed)
            if owed < pts and last is not None and owed > last:
                between.append(owed)
        if last is not None and pts - last >= ROOM * self._step:
            room = round((pts - last) / self._step) - 1 - len(gone)
            gone += between[: max(0, room)]
        return sorted(gone)

    def left(self) -> list[int]:
        return sorted(self._refused)


class _Numbered:
    """Packets have numbers, not times: the pictures, in their own order, take the numbers in theirs."""

    def __init__(self) -> None:
        self._numbers: deque[int] = deque()
        self._next = 0

    def sent(self, coded: CodedPacket) -> int:
        """The number of a packet, which a picture may take."""
        number = coded.dts if coded.dts is not None and coded.dts >= self._next else self._next
        if coded.size:
            self._numbers.append(number)
            self._next = number + 1
        return number

    def refused(self) -> None:
        """The last packet gives no picture."""
        self._numbers.pop()

    def shown(self) -> int:
        """The time of the next picture."""
        if self._numbers:
            return self._numbers.popleft()
        self._next += 1
        return self._next - 1


def _packets(container: InputContainer, stream: VideoStream, broke_off: Callable[[str], None]) -> Iterator[CodedPacket]:
    """The stream's packets, then the empty one that flushes the decoder, even if the file is truncated."""
    demuxed = container.demux(stream)
    while True:
        try:
            coded = next(demuxed)
        except StopIteration:
            return
        except (av.error.FFmpegError, OSError) as error:
            broke_off(error.strerror or type(error).__name__)
            flush: Any = CodedPacket(0)
            flush.stream = stream
            yield flush
            return
        yield coded


def _frames_of(coded: CodedPacket) -> tuple[list[VideoFrame], bool]:
    """The frames that a packet brings out, and whether the decoder has refused it."""
    try:
        return [frame for frame in coded.decode() if isinstance(frame, VideoFrame)], False
    except av.error.FFmpegError:
        return [], True
