"""The built-in demo: real faces that move, made at run time from pictures in installed packages."""

import importlib.util
import math
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

import cv2
import numpy as np
from msgspec import Struct

from framewire.pipeline.frame.ring import Pixels
from framewire.pipeline.frame.shot import Shot
from framewire.pipeline.stage import StageError
from framewire.stages.capture.inputs.picture_source import Slot, StreamFacts

WIDTH, HEIGHT = 1280, 720
FRAMES = 300
RATE = 30
"""Ten seconds: long enough to be worth watching."""


class Portrait(Struct, frozen=True):
    """A picture inside an installed package; `crop` is left, top, right, bottom around the head and shoulders."""

    package: str
    file: str
    crop: tuple[int, int, int, int]


PORTRAITS = (
    # NASA, Eileen Collins, public domain; scikit-image's data.astronaut().
    Portrait("skimage", "data/astronaut.png", (90, 0, 370, 330)),
    # U.S. Navy, Rear Admiral Grace Hopper, public domain; matplotlib's sample data.
    Portrait("matplotlib", "mpl-data/sample_data/grace_hopper.jpg", (60, 0, 460, 480)),
)


class Mover(Struct, frozen=True):
    """A portrait's path over the picture: its centre, its height and its tilt, over one turn."""

    portrait: int
    turns: float
    phase: float
    middle: tuple[float, float]
    reach: tuple[float, float]
    height: tuple[float, float]
    tilt: float


MOVERS = (
    Mover(0, 1.0, 0.0, (350, 360), (190, 90), (300, 430), 6.0),
    Mover(1, 1.5, 2.0, (930, 350), (190, 110), (280, 460), 5.0),
    Mover(0, 2.0, 4.0, (640, 540), (420, 60), (170, 240), 4.0),
)
"""Two large portraits that pass in front of a small one; each moves at most about ten pixels a frame."""


class Demo:
    """Frame n is a function of n alone, so a capture restarted in the middle makes the same pictures."""

    def __init__(self, loops: int = 1) -> None:
        """It is played `loops` times; 0: forever. Raises StageError."""
        self._portraits = [_load(portrait) for portrait in PORTRAITS]
        self._background = _background()
        self._count = FRAMES * loops or None
        self.facts = StreamFacts("the built-in demo", HEIGHT, WIDTH, self._count)

    def shots(self, start: int, slot: Slot) -> Iterator[Shot]:
        """Draw the frames, from number `start` on."""
        for number in islice(count(start), self._count and max(0, self._count - start)):
            self.draw(number % FRAMES, slot(HEIGHT, WIDTH))
            yield Shot(number, (1, RATE), (RATE, 1))

    def draw(self, number: int, canvas: Pixels) -> None:
        """Draw frame `number` on a BGR canvas of 1280x720."""
        # The background drifts: a camera's picture is never still.
        shift = number % WIDTH
        canvas[:, : WIDTH - shift] = self._background[:, shift:]
        canvas[:, WIDTH - shift :] = self._background[:, :shift]
        for mover in sorted(MOVERS, key=lambda mover: _height(mover, number)):
            portrait = self._portraits[mover.portrait]
            cv2.warpAffine(
                portrait,
                _placement(mover, number, portrait),
                (WIDTH, HEIGHT),
                dst=canvas,
                flags=cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_TRANSPARENT,
            )

    def close(self) -> None:
        """Nothing is kept open."""


def _angle(mover: Mover, number: int) -> float:
    return 2 * math.pi * mover.turns * number / FRAMES + mover.phase


def _height(mover: Mover, number: int) -> float:
    smallest, largest = mover.height
    return smallest + (largest - smallest) * (0.5 + 0.5 * math.sin(_angle(mover, number)))


def _placement(mover: Mover, number: int, portrait: Pixels) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
    """The 2x3 affine matrix from portrait pixels to canvas pixels."""
    angle = _angle(mover, number)
    height, width = portrait.shape[:2]
    matrix = cv2.getRotationMatrix2D(
        (width / 2, height / 2), mover.tilt * math.sin(1.7 * angle), _height(mover, number) / height
    )
    matrix[0, 2] += mover.middle[0] + mover.reach[0] * math.cos(angle) - width / 2
    matrix[1, 2] += mover.middle[1] + mover.reach[1] * math.sin(2 * angle) - height / 2
    return np.asarray(matrix, np.float64).reshape(2, 3)


def _background() -> Pixels:
    """A soft pattern that repeats after the picture's width, made without random numbers."""
    x = np.arange(WIDTH, dtype=np.float32)[None, :] * (2 * math.pi / WIDTH)
    y = np.arange(HEIGHT, dtype=np.float32)[:, None] * (2 * math.pi / HEIGHT)
    waves = [
        78 + 26 * np.sin(2 * x + y) + 12 * np.cos(3 * y - x),
        64 + 22 * np.sin(x + 2 * y + 1) + 10 * np.cos(4 * x),
        58 + 20 * np.cos(3 * x - y + 2) + 10 * np.sin(2 * y),
    ]
    return np.stack([np.broadcast_to(wave, (HEIGHT, WIDTH)) for wave in waves], axis=2).astype(np.uint8)


def _load(portrait: Portrait) -> Pixels:
    # The package is found but not imported: importing scikit-image takes longer than drawing the demo.
    found = importlib.util.find_spec(portrait.package)
    folders = list(found.submodule_search_locations or []) if found else []
    picture = cv2.imread(str(Path(folders[0], portrait.file))) if folders else None
    if picture is None:
        raise StageError(
            'the demo uses pictures from scikit-image and matplotlib; install them: pip install "framewire[cpu,demo]"'
        )
    left, top, right, bottom = portrait.crop
    return np.asarray(picture[top:bottom, left:right], np.uint8)
