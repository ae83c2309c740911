"""Writing the clips that measurements use: H.264 at a constant frame rate."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from bench.absent import need_package
from framewire.stages.capture.demo import FRAMES, HEIGHT, RATE, WIDTH, Demo


def write_film(
    path: Path, frames: Iterable[VideoFrame], size: tuple[int, int], rate: int, options: dict[str, str] | None = None
) -> Path:
    """A video of these frames, scaled to `size` (width, height); their timestamps are ignored."""
    with av.open(str(path), "w") as target:
        out = target.add_stream("libx264", rate=rate, options=options or {})
        assert isinstance(out, VideoStream)
        out.width, out.height, out.pix_fmt = *size, "yuv420p"
        for number, frame in enumerate(frames):
            shown = frame.reformat(*size, "yuv420p")
            shown.pts, shown.time_base = number, Fraction(1, rate)
            target.mux(out.encode(shown))
        target.mux(out.encode(None))
    return path


def frames_of(path: Path) -> Iterator[VideoFrame]:
    """The frames of a video."""
    with av.open(str(path)) as source:
        yield from source.decode(video=0)


def demo_clip(path: Path, width: int = WIDTH, times: int = 1) -> Path:
    """The built-in demo, so many times, as a video file of this width: others can read it, too. Raises AbsentError."""
    need_package("skimage", "framewire[demo]")
    need_package("matplotlib", "framewire[demo]")
    frames = (frame for _ in range(times) for frame in _demo())
    return write_film(path, frames, (width, HEIGHT * width // WIDTH), RATE, {"crf": "20", "preset": "veryfast"})


def _demo() -> Iterator[VideoFrame]:
    demo, canvas = Demo(), np.empty((HEIGHT, WIDTH, 3), np.uint8)
    for number in range(FRAMES):
        demo.draw(number, canvas)
        yield VideoFrame.from_ndarray(canvas, "bgr24")
