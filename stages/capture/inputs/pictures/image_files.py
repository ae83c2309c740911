"""A sequence of picture files: a folder, a pattern, or one file; of animations and TIFFs, all pictures."""

import os
import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

from framewire.pipeline.frame.ring import Pixels
from framewire.pipeline.frame.shot import Shot
from framewire.pipeline.stage import AbsentError, StageError
from framewire.stages.capture.inputs.picture_source import Slot, StreamFacts
from framewire.stages.capture.inputs.pictures.picture_file import (
    SUFFIXES,
    pictures_in,
    read_animation,
    read_picture,
    read_pictures,
)

UNREADABLE = "unreadable"
"""The reason if a frame's file is not a picture."""


def natural_order(path: Path) -> list[tuple[int, int, str]]:
    """Sorts `frame2` before `frame10`."""
    parts = re.split(r"(\d+)", str(path))
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts]


def shown_name(path: Path) -> str:
    """The file's name as text that anybody can read: names are bytes, and need not be UTF-8."""
    return os.fsencode(path.name).decode(errors="replace")


class ImageFiles:
    """Pictures in natural order of their files' names, at a rate of your choice. Sizes may differ."""

    def __init__(self, files: Sequence[Path], name: str, rate: float) -> None:
        if not files:
            raise AbsentError(f"no pictures in {name} ({', '.join(sorted(SUFFIXES))})")
        self._rate = Fraction(rate).limit_denominator(1001)
        self._places = [(file, page) for file in sorted(files, key=natural_order) for page in range(pictures_in(file))]
        first = next((picture for file, _ in self._places if (picture := read_picture(file)) is not None), None)
        if first is None:
            raise StageError(f"none of the {len(files)} files in {name} is a picture that OpenCV can read")
        count = len(self._places)
        many = f"{count} pictures" if count > 1 else "1 picture"
        self.facts = StreamFacts(f"{name} ({many})", first.shape[0], first.shape[1], count)

    def shots(self, start: int, slot: Slot) -> Iterator[Shot]:
        """Read the files, from number `start` on."""
        rate = self._rate
        for number, picture in enumerate(self._pictures(start), start):
            if picture is not None:
                slot(*picture.shape[:2])[...] = picture
            failed = "" if picture is not None else UNREADABLE
            unit, nominal = (rate.denominator, rate.numerator), (rate.numerator, rate.denominator)
            yield Shot(number, unit, nominal, failed, file=shown_name(self._places[number][0]))

    def close(self) -> None:
        """Nothing is kept open."""

    def _pictures(self, start: int) -> Iterator[Pixels | None]:
        several: tuple[Path | None, list[Pixels]] = None, []
        for place, (file, page) in enumerate(self._places[start:], start):
            is_alone = page == 0 and (place + 1 == len(self._places) or self._places[place + 1][1] == 0)
            if is_alone:
                yield read_picture(file)
                continue
            if several[0] != file:
                several = file, read_pictures(file)
            yield several[1][page] if page < len(several[1]) else None


class AnimatedPicture:
    """The pictures of one animation, at its own times."""

    def __init__(self, file: Path) -> None:
        """Raises StageError."""
        animation = read_animation(file)
        if animation is None:
            raise StageError(f"{file} is an animation that this OpenCV cannot read; 4.11 can")
        self._animation = animation
        height, width = animation.pictures[0].shape[:2]
        count = len(animation.pictures)
        self.facts = StreamFacts(f"{file} ({count} pictures)", height, width, count)

    def shots(self, start: int, slot: Slot) -> Iterator[Shot]:
        """Give the pictures, from number `start` on."""
        animation = self._animation
        rate = (animation.rate.numerator, animation.rate.denominator)
        for number, picture in enumerate(animation.pictures[start:], start):
            slot(*picture.shape[:2])[...] = picture
            yield Shot(sum(animation.milliseconds[:number]), (1, 1000), rate)

    def close(self) -> None:
        """Nothing is kept open."""
