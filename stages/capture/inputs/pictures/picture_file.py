"""What one picture file holds: a picture, the pages of a TIFF, or an animation with times of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from framewire.pipeline.frame.ring import Pixels
from framewire.stages.capture.inputs.pictures.header import may_have_several

SUFFIXES = frozenset(
    [
        ".bmp",
        ".dib",
        ".jpeg",
        ".jpg",
        ".jpe",
        ".jp2",
        ".png",
        ".apng",
        ".webp",
        ".pbm",
        ".pgm",
        ".ppm",
        ".pnm",
        ".tiff",
        ".tif",
        ".avif",
        ".exr",
        ".hdr",
    ]
)
"""Suffixes that OpenCV's imgcodecs reads."""
PAGED = frozenset({".tiff", ".tif"})
ANIMATED = frozenset({".webp", ".png", ".apng", ".avif"})
UNSUPPORTED = {".heic": "heif-convert", ".heif": "heif-convert", ".svg": "rsvg-convert", ".psd": "convert"}
"""Pictures that nothing here reads, and the program that makes others of them."""
DURATION_MS = 100
"""What browsers make of a picture that is shown for no time at all."""


class Animation(Struct, frozen=True):
    """The pictures of an animation, and for how many milliseconds each is shown."""

    pictures: list[Pixels]
    milliseconds: list[int]

    @property
    def rate(self) -> Fraction:
        """Pictures per second, on average."""
        return Fraction(1000 * len(self.pictures), sum(self.milliseconds)).limit_denominator(1001)


def is_image(path: Path) -> bool:
    """Whether the file's suffix is that of a picture."""
    return path.suffix.lower() in SUFFIXES


def pictures_in(file: Path) -> int:
    """How many pictures a file holds; 1 if that cannot be told."""
    if file.suffix.lower() not in PAGED | ANIMATED or not may_have_several(file):
        return 1
    try:
        with _named(file) as name:
            return max(1, cv2.imcount(name))
    except (OSError, cv2.error):
        return 1


def read_picture(file: Path) -> Pixels | None:
    """The (first) picture in a file, uint8 (height, width, 3) BGR; None if it cannot be read."""
    try:
        raw = np.fromfile(file, np.uint8)
        if not raw.size:
            return None
        picture = cv2.imdecode(raw, cv2.IMREAD_COLOR)
    except (OSError, cv2.error):
        return None
    return None if picture is None else np.asarray(picture, np.uint8)


def read_pictures(file: Path) -> list[Pixels]:
    """All pictures in a file, uint8 (height, width, 3) BGR; none if it cannot be read."""
    if file.suffix.lower() in PAGED:
        try:
            with _named(file) as name:
                _, pages = cv2.imreadmulti(name, flags=cv2.IMREAD_COLOR)
        except (OSError, cv2.error):
            return []
        return [np.asarray(page, np.uint8) for page in pages]
    animation = read_animation(file)
    return animation.pictures if animation is not None else []


def read_animation(file: Path) -> Animation | None:
    """The animation in a file; None if it cannot be read. OpenCV can since 4.11."""
    read: Any = getattr(cv2, "imreadanimation", None)
    if read is None:
        return None
    try:
        with _named(file) as name:
            was_read, found = read(name)
    except (OSError, cv2.error):
        return None
    if not was_read or not len(found.frames):
        return None
    return Animation([_bgr(frame) for frame in found.frames], [int(ms) or DURATION_MS for ms in found.durations])


@contextmanager
def _named(file: Path) -> Iterator[str]:
    """A name for OpenCV, which crashes on names that are not UTF-8. Raises OSError."""
    with file.open("rb") as opened:
        yield f"/proc/self/fd/{opened.fileno()}"


def _bgr(frame: NDArray[Any]) -> Pixels:
    """Without its alpha channel, as `read_picture` gives pictures."""
    shown = cv2.cvtColor(frame, cv2.COLOR_BGRA2BGR) if frame.ndim == 3 and frame.shape[2] == 4 else frame
    return np.ascontiguousarray(shown, np.uint8)
