"""A film that comes through a pipe: its pictures at its own times, and each that cannot be decoded, in its place."""

from collections.abc import Iterator
from errno import EIO

from av.container import InputContainer

from framewire.stages.capture.inputs.film.clock import JUMPING, FilmClock
from framewire.stages.capture.inputs.film.decoder import decode, rate_of
from framewire.stages.capture.inputs.film.stream_choice import choose
from framewire.stages.capture.inputs.live_stream import Came
from framewire.stages.capture.inputs.picture_source import RATE_OTHERWISE

NO_TIMESTAMPS = 0x80
"""AVFMT_NOTIMESTAMPS: the format has pictures alone, such as bare pixels, MJPEG or an elementary stream."""
PICTURES = "_pipe"
"""The end of the names of FFmpeg's formats of single pictures, one after the other."""


def has_own_times(container: InputContainer) -> bool:
    """Whether the format says when each picture is shown."""
    return not (container.format.flags & NO_TIMESTAMPS or container.format.name.endswith(PICTURES))


class PipedFilm:
    """Reads a container from its beginning to its end, once.

    Example:
        stream = LiveStream(address, rules, wake, rng, PipedFilm(timed=False))
    """

    def __init__(self, timed: bool) -> None:
        """`timed`: where the format has no times, take those of its rate."""
        self._timed = timed

    def __call__(self, container: InputContainer) -> Iterator[Came]:
        """The pictures; without a time if the format has none, and none was asked for. Raises NoVideoError, OSError."""
        stream = choose(container)
        step = 1 / (rate_of(stream) or RATE_OTHERWISE)
        clock = FilmClock(step, container.format.name.split(",")[0] in JUMPING)
        is_timed = self._timed or has_own_times(container)
        broke_off: list[str] = []
        for decoded in decode(container, stream, broke_off.append):
            time = clock.mend(decoded.pts * decoded.unit)
            yield Came(decoded.frame, time if is_timed else None)
        for why in broke_off:
            raise OSError(EIO, why)
