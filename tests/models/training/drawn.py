"""Coloured shapes on coloured ground, drawn by chance: what a small classifier can learn in seconds."""

from pathlib import Path

import cv2
import numpy as np

from framewire.models.picture import Picture

KINDS = ("circle", "square", "triangle")


def shape(kind: str, rng: np.random.Generator, side: int = 40) -> Picture:
    """A filled shape, well apart in brightness from its ground, with a little noise."""
    ground, ink = (int(rng.integers(low, low + 90)) for low in rng.permutation((0, 160)))
    picture = np.full((side, side, 3), ground, np.uint8)
    picture += rng.integers(0, 6, 3).astype(np.uint8)
    colour = tuple(int(np.clip(ink + one, 0, 255)) for one in rng.integers(-40, 40, 3))
    x, y = (int(one) for one in rng.integers(14, side - 13, 2))
    reach = int(rng.integers(8, 13))
    if kind == "circle":
        cv2.circle(picture, (x, y), reach, colour, -1)
    elif kind == "square":
        cv2.rectangle(picture, (x - reach, y - reach), (x + reach, y + reach), colour, -1)
    else:
        corners = np.array([[x, y - reach], [x - reach, y + reach], [x + reach, y + reach]], np.int32)
        cv2.fillPoly(picture, [corners], colour)
    return np.clip(picture.astype(int) + rng.integers(-6, 7, picture.shape), 0, 255).astype(np.uint8)


def write_shapes(folder: Path, count: int, seed: int = 0) -> Path:
    """`count` pictures of each kind, in a folder for each."""
    rng = np.random.default_rng(seed)
    for kind in KINDS:
        (folder / kind).mkdir(parents=True)
        for number in range(count):
            assert cv2.imwrite(str(folder / kind / f"{number}.png"), shape(kind, rng))
    return folder
