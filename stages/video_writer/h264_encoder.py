"""H.264 through PyAV (libx264): a fresh encoder per fragment, so that the output depends on nothing before it."""

import io
from fractions import Fraction

import av
import av.error
import cv2
import numpy as np
from av.video.stream import VideoStream

from framewire.pipeline.frame.ring import Pixels
from framewire.pipeline.stage import StageError
from framewire.stages.video_writer.fragment_encoder import Layout

_FRAGMENTED = "frag_custom+empty_moov+default_base_moof+frag_discont+skip_trailer"
# AVColorRange and AVColorSpace of FFmpeg's pixfmt.h: limited range, BT.601, which is what OpenCV's conversion makes.
_LIMITED_RANGE = 1
_BT601 = 6


class H264Fragment:
    """One fragment. No B-frames: pictures leave in order. One thread: the file is bit-identical every time."""

    def __init__(self, layout: Layout, crf: int, preset: str) -> None:
        self._layout = layout
        self._memory = io.BytesIO()
        self._container = av.open(
            self._memory, "w", format="mp4", options={"movflags": _FRAGMENTED, "use_editlist": "0"}
        )
        rate = Fraction(*layout.rate)
        self._stream = self._container.add_stream(
            "libx264", rate=rate, options={"crf": str(crf), "preset": preset, "bf": "0"}
        )
        assert isinstance(self._stream, VideoStream)
        codec = self._stream.codec_context
        codec.width, codec.height = even_size(layout.width, layout.height)
        codec.pix_fmt = "yuv420p"
        if layout.pixel_aspect != (1, 1):
            codec.sample_aspect_ratio = Fraction(*layout.pixel_aspect)
        codec.time_base = Fraction(1, layout.timescale)
        codec.thread_count = 1
        codec.color_range, codec.colorspace = _LIMITED_RANGE, _BT601
        self._stream.time_base = codec.time_base
        try:
            codec.open()
        except av.error.FFmpegError as error:
            raise StageError(
                f"H.264 cannot hold pictures of {layout.width}x{layout.height} ({error.strerror}); "
                "make them smaller, or use backend: opencv with fourcc: MJPG and an .avi"
            ) from error
        self._frame_units = max(1, round(layout.timescale / rate))

    def add(self, pixels: Pixels, time: int) -> None:
        """See FragmentEncoder."""
        # OpenCV's conversion takes a tenth of swscale's time.
        planes = np.asarray(cv2.cvtColor(_evened(pixels), cv2.COLOR_BGR2YUV_I420), np.uint8)
        frame = av.VideoFrame.from_ndarray(planes, "yuv420p")
        frame.pts, frame.time_base = time, Fraction(1, self._layout.timescale)
        frame.duration = self._frame_units
        frame.color_range, frame.colorspace = _LIMITED_RANGE, _BT601
        self._container.mux(self._stream.encode(frame))

    def finish(self) -> bytes:
        """See FragmentEncoder."""
        self._container.mux(self._stream.encode(None))
        self._container.close()
        return self._memory.getvalue()

    def abandon(self) -> None:
        """See FragmentEncoder."""


def even_size(width: int, height: int) -> tuple[int, int]:
    """The size in the file: H.264 with 4:2:0 colour has no odd sizes."""
    return width + width % 2, height + height % 2


def _evened(pixels: Pixels) -> Pixels:
    height, width = pixels.shape[:2]
    if height % 2 == 0 and width % 2 == 0:
        return pixels
    padded = cv2.copyMakeBorder(pixels, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
    return np.asarray(padded, np.uint8)
