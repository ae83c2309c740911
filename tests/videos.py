"""Small videos for tests, made with FFmpeg's own muxers, good ones and bad ones."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.stream import VideoStream

from framewire.pipeline.frame.ring import Pixels


def picture(number: int, width: int, height: int) -> Pixels:
    """A picture that differs from number to number: a gradient with a block that moves."""
    x = np.arange(width, dtype=np.uint16)[None, :]
    y = np.arange(height, dtype=np.uint16)[:, None]
    pixels = np.stack([(x + number) % 256 + 0 * y, (y + 2 * number) % 256 + 0 * x, (x + y) % 256], axis=2)
    left = number * 7 % max(1, width - 8)
    pixels[: height // 3, left : left + 8] = 255
    return pixels.astype(np.uint8)


def write_video(
    path: Path,
    frames: int = 30,
    width: int = 160,
    height: int = 120,
    times: Sequence[int] = (),
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
) -> Path:
    """A video of `frames` pictures, at 25 frames per second or at these `times` in milliseconds."""
    with av.open(str(path), "w", options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=25, options=options or {})
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        stream.codec_context.time_base = Fraction(1, 1000)
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(picture(number, width, height), "bgr24")
            frame.pts = times[number] if times else number * 40
            frame.time_base = Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_sound(path: Path) -> Path:
    """A file with sound alone."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100, layout="mono")
        for number in range(20):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            frame.sample_rate, frame.pts = 44100, number * 1024
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def packet_places(path: Path) -> list[tuple[int, int]]:
    """Where each packet of the video lies in the file: position and size."""
    with av.open(str(path)) as container:
        return [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size and packet.pos]


def spoil(path: Path, position: int, size: int) -> None:
    """Overwrite a part of a file with rubbish."""
    with path.open("r+b") as file:
        file.seek(position)
        file.write(bytes((7 * number + 13) % 256 for number in range(size)))
