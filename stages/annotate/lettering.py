"""Text as pixels, by FreeType: any script that the font has."""

from collections import OrderedDict
from functools import lru_cache

import cv2
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from framewire.pipeline.frame.ring import Pixels
from framewire.pipeline.stage import StageError
from framewire.stages.annotate.colors import Bgr

KEPT = 512
"""Texts that are kept: captions say the same for many frames."""
GLASS, GLASS_LUMINANCE = 0.65, 20
"""How much of a plate is its own dark grey: white text on it has a contrast of 5.7 to 1 even on white."""
NOT_THERE = "\uffff"
"""No font has this: its picture is that of a missing letter."""


class Lettered(Struct, frozen=True):
    """A line of text, uint8 (height, width, 3): what it leaves of the picture, 0 to 255, and what it adds."""

    leaves: NDArray[np.uint8]
    adds: NDArray[np.uint8]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.leaves.shape[1], self.leaves.shape[0]


def write_on_glass(region: Pixels, letters: Lettered, at: tuple[int, int], is_plain: bool = False) -> None:
    """Darken a region of a BGR picture, unless it `is_plain`, and write into it, with the left top corner `at`."""
    if not is_plain:
        region[...] = cv2.convertScaleAbs(region, alpha=1 - GLASS, beta=GLASS * GLASS_LUMINANCE)
    left, top = at
    inside = region[top : top + letters.size[1], left : left + letters.size[0]]
    inside[...] = cv2.add(cv2.multiply(inside, letters.leaves, scale=1 / 255), letters.adds)


class Lettering:
    """One font, at any size. `missing` are letters that it was asked for and does not have."""

    def __init__(self, path: str = "") -> None:
        """`path` names a TrueType or OpenType font; the default is Pillow's own. Raises StageError."""
        self._path = path
        self._texts: OrderedDict[tuple[str, int, Bgr], Lettered] = OrderedDict()
        self._here: dict[str, bool] = {}
        self.missing: set[str] = set()
        try:
            self._font(12)
        except OSError as error:
            raise StageError(f"{path or 'the default font'} cannot be read as a font: {error}") from error

    @lru_cache(maxsize=KEPT)  # noqa: B019 - as _font
    def size(self, text: str, px: int) -> tuple[int, int]:
        """Width and height of a line in pixels: its height is that of all lines of this size."""
        font = self._font(px)
        return max(1, round(font.getlength(self._printable(text)))), sum(font.getmetrics())

    def line(self, text: str, px: int, ink: Bgr) -> Lettered:
        """A line of text, `px` pixels from its highest letter to its lowest, roughly."""
        key = (text, px, ink)
        known = self._texts.get(key)
        if known is not None:
            self._texts.move_to_end(key)
            return known
        made = self._texts[key] = self._drawn(self._printable(text), px, ink)
        if len(self._texts) > KEPT:
            self._texts.popitem(last=False)
        return made

    def _drawn(self, text: str, px: int, ink: Bgr) -> Lettered:
        canvas = Image.new("L", self.size(text, px))
        ImageDraw.Draw(canvas).text((0, 0), text, font=self._font(px), fill=255)
        mask = np.asarray(canvas, np.uint8)
        adds = mask[..., None].astype(np.uint16) * np.array(ink, np.uint16) // 255
        return Lettered(np.repeat(255 - mask[..., None], 3, axis=2), adds.astype(np.uint8))

    def _printable(self, text: str) -> str:
        """The text, with a question mark for what the font does not have."""
        if text.isascii() and text.isprintable():
            return text
        return "".join(letter if self._has(letter) else "?" for letter in text)

    def _has(self, letter: str) -> bool:
        known = self._here.get(letter)
        if known is None:
            font = self._font(24)
            known = letter.isprintable() and bytes(font.getmask(letter)) != bytes(font.getmask(NOT_THERE))
            self._here[letter] = known
            if not known:
                self.missing.add(letter)
        return known

    @lru_cache(maxsize=64)  # noqa: B019 - a stage has one of these, for as long as it lives
    def _font(self, px: int) -> ImageFont.FreeTypeFont:
        if self._path:
            return ImageFont.truetype(self._path, px)
        font = ImageFont.load_default(px)
        if not isinstance(font, ImageFont.FreeTypeFont):
            raise OSError(f"this Pillow is built without FreeType: it cannot draw text {px} pixels high")
        return font
