"""Addresses of live sources: which they are, how FFmpeg opens them, and how they may be shown."""

import re
from urllib.parse import urlsplit, urlunsplit

from av.video.format import VideoFormat
from msgspec import Struct

from framewire.pipeline.stage import StageError

NETWORK = ("rtsp", "rtsps", "http", "https", "rtmp", "udp", "srt", "tcp", "rtp")
"""Schemes that are opened as network streams."""
STDIN = "-"
"""The source that is standard input."""
HIDDEN = "***"
RAW_RATE = 25.0
"""Frames per second of bare pixels where nobody says: PAL's."""


class Address(Struct, frozen=True):
    """`name` and `format` are what FFmpeg opens, with `options`; `shown` has no password in it and may go anywhere."""

    name: str
    shown: str
    format: str = ""
    options: dict[str, str] = {}


def is_live(source: str) -> bool:
    """Whether this names a camera, a network stream or standard input."""
    return source == STDIN or "://" in source or source.isdigit() or source.startswith("/dev/video")


def address_of(source: str, transport: str, timeout_s: float, camera: dict[str, str]) -> Address:
    """The address that a user wrote. Raises StageError for a scheme that is not known."""
    if "://" not in source:
        device = f"/dev/video{source}" if source.isdigit() else source
        return Address(device, device, "v4l2", camera)
    scheme = source.split("://", 1)[0].lower()
    if scheme not in NETWORK:
        raise StageError(f"{shown(source)}: {scheme} is not a kind of stream that is known ({', '.join(NETWORK)})")
    options = {}
    if scheme.startswith("rtsp"):
        # FFmpeg's RTSP has a time-out of its own, in microseconds, and keeps a queue for packets that overtake others.
        options = {"rtsp_transport": transport, "timeout": str(round(timeout_s * 1e6))}
    elif scheme.startswith("http"):
        options = {"rw_timeout": str(round(timeout_s * 1e6))}
    return Address(source, shown(source), "", options)


def stdin_address(kind: str, size: str, rate: float) -> Address:
    """Standard input: a film of a kind that FFmpeg finds out, `mjpeg` and the like, or bare pixels (`bgr24`, ...).

    Raises StageError.
    """
    if not kind:
        return Address("pipe:0", "standard input")
    try:
        VideoFormat(kind)
    except ValueError:
        return Address("pipe:0", "standard input", kind)
    if not size:
        raise StageError(f"standard input: say the `size` of pictures that are bare pixels ({kind}), such as 1280x720")
    options = {"pixel_format": kind, "video_size": size}
    return Address("pipe:0", "standard input", "rawvideo", {**options, "framerate": f"{rate or RAW_RATE:g}"})


def shown(source: str) -> str:
    """The address without what must not be seen: the user's name and password, and what a query may hold."""
    parts = urlsplit(source)
    host = parts.netloc.rsplit("@", 1)
    netloc = f"{HIDDEN}@{host[1]}" if len(host) == 2 else host[0]
    query = re.sub(r"=[^&]*", f"={HIDDEN}", parts.query)
    return urlunsplit((parts.scheme, netloc, parts.path, query, ""))
