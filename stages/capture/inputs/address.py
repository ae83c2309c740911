"""Addresses of live sources: recognising them, opening them with FFmpeg, showing them safely."""

import ssl

from av.video.format import VideoFormat
from msgspec import Struct

from framewire.pipeline.privacy.address import HINT, is_ambiguous, shown
from framewire.pipeline.stage import StageError

NETWORK = ("rtsp", "rtsps", "http", "https", "rtmp", "udp", "srt", "tcp", "rtp")
"""Schemes that are opened as network streams."""
ENCRYPTED = frozenset({"https", "rtsps"})
CERTIFICATE = "if this machine does not trust its certificate, `verify: false` connects anyway"
INDEX = "an MP4 with its index at the end cannot be read from a pipe: name the file, or use -movflags +faststart"
STDIN = "-"
"""The source that is standard input."""
RAW_RATE = 25.0
"""Default frames per second of raw pixels: PAL's."""


class Address(Struct, frozen=True):
    """`name` and `format` are what FFmpeg opens, with `options`; `shown` has no password and may appear anywhere.

    `hint` says what may be wrong with the address itself.
    """

    name: str
    shown: str
    format: str = ""
    options: dict[str, str] = {}
    hint: str = ""


def is_live(source: str) -> bool:
    """Whether this names a camera, a network stream or standard input."""
    return source == STDIN or "://" in source or source.isdigit() or source.startswith("/dev/video")


def address_of(source: str, transport: str, timeout_s: float, camera: dict[str, str], verifies: bool = True) -> Address:
    """Parse a user's address. Raises StageError for an unknown scheme, or if no certificate can be verified."""
    if "://" not in source:
        device = f"/dev/video{source}" if source.isdigit() else source
        return Address(device, device, "v4l2", camera)
    scheme = source.split("://", 1)[0].lower()
    if scheme not in NETWORK:
        raise StageError(f"{shown(source)}: {scheme} is not a supported stream type ({', '.join(NETWORK)})")
    options: dict[str, str] = {}
    hint = HINT if is_ambiguous(source) else ""
    if scheme in ENCRYPTED:
        options = _tls(shown(source), verifies)
        hint = hint or (CERTIFICATE if verifies else "")
    if scheme.startswith("rtsp"):
        # FFmpeg's RTSP has its own timeout, in microseconds, and a queue that reorders packets.
        options |= {"rtsp_transport": transport, "timeout": str(round(timeout_s * 1e6))}
    elif scheme.startswith("http"):
        options |= {"rw_timeout": str(round(timeout_s * 1e6))}
    return Address(source, shown(source), "", options, hint)


def _tls(name: str, verifies: bool) -> dict[str, str]:
    """FFmpeg's options: by itself it takes any certificate. Raises StageError."""
    if not verifies:
        return {"tls_verify": "0"}
    authorities = ssl.get_default_verify_paths().cafile
    if authorities is None:
        raise StageError(
            f"{name}: this machine has no CA certificates to check the server's against; "
            "install ca-certificates, or set verify: false"
        )
    return {"tls_verify": "1", "ca_file": authorities}


def stdin_address(kind: str, size: str, rate: float) -> Address:
    """Standard input: a video that FFmpeg detects, a format such as `mjpeg`, or raw pixels (`bgr24`, ...).

    Raises StageError.
    """
    if not kind:
        return Address("pipe:0", "standard input", hint=INDEX)
    try:
        VideoFormat(kind)
    except ValueError:
        return Address("pipe:0", "standard input", kind, {"framerate": f"{rate:g}"} if rate else {})
    if not size:
        raise StageError(f"standard input: set `size` for raw pixels ({kind}), such as 1280x720")
    options = {"pixel_format": kind, "video_size": size}
    return Address("pipe:0", "standard input", "rawvideo", {**options, "framerate": f"{rate or RAW_RATE:g}"})
