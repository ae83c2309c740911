"""The default look: thin boxes in colours for everybody, small captions on dark glass that keep out of the way."""

from collections.abc import Sequence

import cv2
import numpy as np
from msgspec import Struct

from framewire.pipeline.frame.packet import Detection
from framewire.pipeline.frame.ring import Pixels
from framewire.stages.annotate.caption import CaptionTemplate, caption_parts
from framewire.stages.annotate.colors import Bgr, bgr_of, color_for
from framewire.stages.annotate.lettering import Lettering, write_on_glass
from framewire.stages.annotate.plates import Placed, Wanted, place
from framewire.stages.annotate.style import Style

LINES, LINES_OF_BOX = 400, 24
"""Rows of the picture for each pixel of a box's line, and rows of the box: a line is no thicker than either allows."""
LINE_MIN_PX = 2
"""Films keep colours for two pixels together: a thinner line is grey."""
TEXT_LEAST, TEXT_MOST = 60, 34
"""A caption's font is between 1/60 and 1/34 of the picture's height: 12 to 21 pixels at 720 lines."""
TEXT_OF_BOX = 0.14
"""Between these, this share of its box's height."""
TEXT_MIN_PX = 10
"""Smaller letters cannot be read."""
CAPITAL = 0.7
"""A capital's height as a share of its font's size."""
BAR_PX = 3
"""The stripe of the box's colour at the plate's left."""
WHITE = (255, 255, 255)
FACE = "face"
"""No plate covers detections of this label."""
ELLIPSIS, BETWEEN = "…", " · "
SHORTEST = 4
"""Letters of a template's caption below which it is left out."""


class Line(Struct, frozen=True):
    """A caption and its detection: the texts, longest first, its font's size, and its colours."""

    wanted: Wanted
    texts: Sequence[str]
    px: int
    ink: Bgr
    bar: Bgr
    plate: bool


class ModernLook:
    """Draws detections into a BGR picture. `color_by` is label, track, or the name of an attribute."""

    def __init__(
        self, styles: dict[str, Style], other: Style, lettering: Lettering, color_by: str, text_px: float
    ) -> None:
        """Raises ValueError for a caption template that cannot be read."""
        self._styles, self._other = styles, other
        self._lettering = lettering
        self._color_by, self._text_px = color_by, text_px
        templates = {style.caption for style in (*styles.values(), other) if isinstance(style.caption, str)}
        self._templates = {text: CaptionTemplate(text) for text in templates}

    def draw(self, pixels: Pixels, detections: Sequence[Detection], captions: bool) -> None:
        """Draw boxes, and captions over them."""
        for one in detections:
            self._box(pixels, one)
        if captions:
            lines = self.lines(detections, pixels.shape[0])
            faces = [one.box for one in detections if one.label == FACE]
            size = (pixels.shape[1], pixels.shape[0])
            for line, placed in zip(lines, place([line.wanted for line in lines], faces, size), strict=True):
                if placed is not None:
                    self._plate(pixels, line, placed)

    def lines(self, detections: Sequence[Detection], height: int) -> list[Line]:
        """The captions to place in a picture of this height."""
        return [line for one in detections if (line := self._line(one, height)) is not None]

    def _style(self, one: Detection) -> Style:
        return self._styles.get(one.label, self._other)

    def _color(self, one: Detection) -> Bgr:
        style = self._style(one)
        if style.color:
            return bgr_of(style.color)
        if self._color_by == "track":
            return color_for(one.track) if one.track is not None else color_for(one.label)
        attribute = one.attributes.get(self._color_by)
        return color_for(one.label if attribute is None else attribute.label)

    def _box(self, pixels: Pixels, one: Detection) -> None:
        style = self._style(one)
        x, y, width, height = (round(side) for side in one.box)
        fitting = round(min(pixels.shape[0] / LINES, height / LINES_OF_BOX))
        thickness = style.thickness or max(LINE_MIN_PX if one.parent is None else 1, fitting)
        cv2.rectangle(pixels, (x, y), (x + width, y + height), self._color(one), thickness)

    def _line(self, one: Detection, height: int) -> Line | None:
        style = self._style(one)
        if not style.speaks(one.label):
            return None
        texts = self._texts(one, style)
        if not texts:
            return None
        px = self._font_px(one, height)
        pad = px // 3
        sizes = []
        for text in texts:
            wide, high = self._lettering.size(text, px)
            sizes.append((wide + 2 * pad + BAR_PX, high + pad))
        ink = bgr_of(style.text_color) if style.text_color else WHITE
        wanted = Wanted(one.box, sizes, may_be_inside=one.label != FACE)
        return Line(wanted, texts, px, ink, self._color(one), style.plate)

    def _texts(self, one: Detection, style: Style) -> list[str]:
        """What the caption says, and shorter ways to say it."""
        if isinstance(style.caption, str):
            text = self._templates[style.caption].of(one)
            half = len(text) // 2
            return [text, text[:half].rstrip() + ELLIPSIS] if half >= SHORTEST else [text] if text else []
        parts = caption_parts(one)
        return [BETWEEN.join(parts[:count]) for count in range(len(parts), 0, -1)]

    def _font_px(self, one: Detection, height: int) -> int:
        if self._text_px:
            return max(1, round(self._text_px / CAPITAL))
        least = max(TEXT_MIN_PX, height / TEXT_LEAST)
        # In steps: letters that grow by a pixel from frame to frame flicker, and each size is drawn anew.
        wanted = min(max(TEXT_OF_BOX * one.box[3], least), max(least, height / TEXT_MOST))
        return round(least * 1.25 ** round(np.log(wanted / least) / np.log(1.25)))

    def _plate(self, pixels: Pixels, line: Line, placed: Placed) -> None:
        width, height = line.wanted.sizes[placed.size]
        region = pixels[placed.top : placed.top + height, placed.left : placed.left + width]
        letters = self._lettering.line(line.texts[placed.size], line.px, line.ink)
        corner = (BAR_PX + line.px // 3, (height - letters.size[1]) // 2)
        write_on_glass(region, letters, corner, is_plain=not line.plate)
        if line.plate:
            region[:, :BAR_PX] = line.bar
