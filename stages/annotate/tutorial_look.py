"""The tutorial's look, to the pixel: boxes in red and green, captions in OpenCV's font."""

from collections.abc import Sequence

import cv2
import msgspec

from framewire.pipeline.frame.packet import Detection
from framewire.pipeline.frame.ring import Pixels
from framewire.stages.annotate.caption import CaptionTemplate, caption, in_ascii
from framewire.stages.annotate.colors import Bgr, bgr_of, readable_on
from framewire.stages.annotate.plates import Box
from framewire.stages.annotate.style import Style

TUTORIAL_LINES = 150
"""Picture rows per pixel of line width in the tutorial."""
PLAIN_ABOVE_PX = 10
"""Distance of a caption without a plate above its box, as in the tutorial."""

FONT = cv2.FONT_HERSHEY_SIMPLEX
"""OpenCV's plain sans-serif, ASCII only."""
FONT_UNIT_PX = 22
"""Height of a capital in this font at scale 1, in pixels (cv2.getTextSize of "X")."""
TEXT_SHARE = 45
"""By default a caption's capitals are 1/45 of the picture's height: 16 px at 720 lines."""
TEXT_MIN_PX = 8
"""Below eight pixels the font's strokes run together."""
PADDING_PX = 3
"""Between a caption's text and the edge of its plate."""
TUTORIAL_STYLES = {
    "face": Style(color="#ff0000", thickness=2, caption=True),
    "eye": Style(color="#00ff00", thickness=1, caption=False),
}
"""Styles of faces and eyes: red, two pixels; green, one pixel."""
OTHER = Style(color="#00bfff", thickness=2, caption=True)
"""The style of all other labels."""


class TutorialLook:
    """Draws detections into a BGR picture."""

    def __init__(self, styles: dict[str, Style], other: Style, text_px: float) -> None:
        """Raises ValueError for a caption template that cannot be read."""
        known = {label: _filled(style, TUTORIAL_STYLES.get(label, OTHER)) for label, style in styles.items()}
        self._styles = {label: _Drawn(style, text_px) for label, style in {**TUTORIAL_STYLES, **known}.items()}
        self._other = _Drawn(_filled(other, OTHER), text_px)

    def draw(self, pixels: Pixels, detections: Sequence[Detection], captions: bool) -> None:
        """Draw boxes, and captions over them."""
        for one in detections:
            draw_box(pixels, one, self._style(one).style)
        if captions:
            for one in detections:
                self._style(one).write(pixels, one)

    def _style(self, one: Detection) -> "_Drawn":
        return self._styles.get(one.label, self._other)


def _filled(style: Style, default: Style) -> Style:
    """A style, with what it leaves open as the look has it."""
    thickness = default.thickness if style.thickness is None else style.thickness
    caption_or_not = True if style.caption is None else style.caption
    return msgspec.structs.replace(
        style, color=style.color or default.color, thickness=thickness, caption=caption_or_not
    )


class _Drawn:
    """A style and parsed template."""

    def __init__(self, style: Style, text_px: float) -> None:
        self.style = style
        self._text_px = text_px
        self._template: CaptionTemplate | None = None
        if isinstance(style.caption, str):
            self._template = CaptionTemplate(style.caption)

    def write(self, pixels: Pixels, detection: Detection) -> None:
        """Write the caption, if enabled."""
        if self.style.caption is not False:
            text = in_ascii(self._template.of(detection)) if self._template else caption(detection)
            draw_caption(pixels, detection.box, text, self.style, self._text_px)


def draw_box(pixels: Pixels, detection: Detection, style: Style) -> None:
    """Draw a detection's box into a BGR picture."""
    x, y, width, height = (round(side) for side in detection.box)
    cv2.rectangle(pixels, (x, y), (x + width, y + height), bgr_of(style.color), line_of(style, pixels.shape[0]))


def draw_caption(pixels: Pixels, box: Box, text: str, style: Style, text_px: float = 0) -> None:
    """Write a caption above its box, or where there is room for it; without a plate, always above it."""
    size = text_px or max(TEXT_MIN_PX, pixels.shape[0] // TEXT_SHARE)
    scale = size / FONT_UNIT_PX
    stroke = style.text_thickness or max(1, round(size / 10))
    if not style.plate:
        above = (round(box[0]), round(box[1]) - PLAIN_ABOVE_PX)
        cv2.putText(pixels, text, above, FONT, scale, _ink(style), stroke, cv2.LINE_AA)
        return
    (width, height), below = cv2.getTextSize(text, FONT, scale, stroke)
    plate = (width + 2 * PADDING_PX, height + below + 2 * PADDING_PX)
    left, top = caption_place(box, plate, (pixels.shape[1], pixels.shape[0]), line_of(style, pixels.shape[0]))
    cv2.rectangle(pixels, (left, top), (left + plate[0] - 1, top + plate[1] - 1), bgr_of(style.color), cv2.FILLED)
    at = (left + PADDING_PX, top + PADDING_PX + height)
    cv2.putText(pixels, text, at, FONT, scale, _ink(style), stroke, cv2.LINE_AA)


def caption_place(box: Box, plate: tuple[int, int], picture: tuple[int, int], thickness: int) -> tuple[int, int]:
    """Left and top of a plate (width, height) for a box: above it, else just inside its top, always in the picture.

    A plate larger than the picture starts at its left or top edge.
    """
    half = (thickness + 1) // 2
    left, top = round(box[0]) - half, round(box[1]) - half - plate[1]
    if top < 0:
        top = round(box[1]) + half
    left = max(0, min(left, picture[0] - plate[0]))
    top = max(0, min(top, picture[1] - plate[1]))
    return left, top


def line_of(style: Style, height: int) -> int:
    """The box's line width in a picture of this height."""
    return style.thickness or max(1, round(height / TUTORIAL_LINES))


def _ink(style: Style) -> Bgr:
    if style.text_color:
        return bgr_of(style.text_color)
    color = bgr_of(style.color)
    return readable_on(color) if style.plate else color
