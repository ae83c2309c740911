"""A sequence of picture files: a folder, or a glob."""

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from framewire.pipeline.frame.ring import Pixels
from framewire.pipeline.stage import Shot, StageError
from framewire.stages.capture.inputs.picture_source import Slot, StreamFacts

SUFFIXES = frozenset(
    [
        ".bmp",
        ".dib",
        ".jpeg",
        ".jpg",
        ".jpe",
        ".jp2",
        ".png",
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
UNREADABLE = "unreadable"
"""The reason if a frame's file is not a picture."""


def is_image(path: Path) -> bool:
    """Whether the file's suffix is that of a picture."""
    return path.suffix.lower() in SUFFIXES


def natural_order(path: Path) -> list[tuple[int, int, str]]:
    """Sorts `frame2` before `frame10`."""
    parts = re.split(r"(\d+)", str(path))
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts]


class ImageFiles:
    """Pictures in natural order of their names, at a rate of your choice. Sizes may differ."""

    def __init__(self, files: Sequence[Path], name: str, rate: float) -> None:
        if not files:
            raise StageError(f"no pictures in {name} ({', '.join(sorted(SUFFIXES))})")
        self._files = sorted(files, key=natural_order)
        self._rate = Fraction(rate).limit_denominator(1001)
        first = next((picture for file in self._files if (picture := read_picture(file)) is not None), None)
        if first is None:
            raise StageError(f"none of the {len(files)} files in {name} is a picture that OpenCV can read")
        many = f"{len(files)} pictures" if len(files) > 1 else "1 picture"
        self.facts = StreamFacts(f"{name} ({many})", first.shape[0], first.shape[1], len(files))

    def shots(self, start: int, slot: Slot) -> Iterator[Shot]:
        """Read the files, from number `start` on."""
        rate = self._rate
        for number, file in enumerate(self._files[start:], start):
            picture = read_picture(file)
            failed = "" if picture is not None else UNREADABLE
            if picture is not None:
                slot(*picture.shape[:2])[...] = picture
            yield Shot(number, (rate.denominator, rate.numerator), (rate.numerator, rate.denominator), failed)

    def close(self) -> None:
        """Nothing is kept open."""


def read_picture(file: Path) -> Pixels | None:
    """The picture in a file, uint8 (height, width, 3) BGR; None if it cannot be read."""
    try:
        raw = np.fromfile(file, np.uint8)
        if not raw.size:
            return None
        picture = cv2.imdecode(raw, cv2.IMREAD_COLOR)
    except (OSError, cv2.error):
        return None
    return None if picture is None else np.asarray(picture, np.uint8)
