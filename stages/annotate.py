"""annotate: draws detections into the picture."""

from typing import Annotated

import cv2
from msgspec import Meta, Struct

from framewire.pipeline.frame.packet import Detection, Packet
from framewire.pipeline.frame.ring import Pixels
from framewire.pipeline.stage import Stage, StageError, stage
from framewire.stages.caption import CaptionTemplate, caption

Bgr = tuple[int, int, int]
Box = tuple[float, float, float, float]
"""x, y, width, height in pixels of the picture."""

COLOR = "^#[0-9a-fA-F]{6}$"
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
EQUAL_CONTRAST_LUMINANCE = 0.179
"""A plate brighter than this gets black text, a darker one white: sqrt(1.05 * 0.05) - 0.05."""


class Style(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How detections of one label look."""

    color: Annotated[str, Meta(pattern=COLOR, description="#rrggbb")] = "#00bfff"
    thickness: Annotated[
        int, Meta(ge=0, le=100, description="Of the box, in pixels; 0: 1/150 of the picture's height")
    ] = 2
    caption: Annotated[
        bool | str, Meta(description="true, false, or a template: '{gender!c}: {age}', see docs/stages.md")
    ] = True
    plate: Annotated[bool, Meta(description="Draw the caption on a plate; false: plain, 10 pixels above the box")] = (
        True
    )
    text_color: Annotated[
        str, Meta(pattern=f"{COLOR}|^$", description="#rrggbb; default: black or white on a plate, else the box's")
    ] = ""
    text_thickness: Annotated[int, Meta(ge=0, le=50, description="Caption stroke width; 0: by text height")] = 0

    @property
    def bgr(self) -> Bgr:
        """The box colour in OpenCV's order."""
        return bgr_of(self.color)

    @property
    def text_bgr(self) -> Bgr:
        """The caption's colour in OpenCV's order."""
        if self.text_color:
            return bgr_of(self.text_color)
        return readable_on(self.bgr) if self.plate else self.bgr

    def line(self, height: int) -> int:
        """The box's line width in a picture of this height."""
        return self.thickness or max(1, round(height / TUTORIAL_LINES))


TUTORIAL_STYLES = {
    "face": Style(color="#ff0000", thickness=2),
    "eye": Style(color="#00ff00", thickness=1, caption=False),
}
"""Default styles of faces and eyes: red, two pixels; green, one pixel."""


class AnnotateOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The defaults are the tutorial's colours."""

    styles: Annotated[
        dict[str, Style],
        Meta(
            description="By label: {color: '#rrggbb', thickness: pixels, caption: true or false}; "
            "by default faces are red, eyes green"
        ),
    ] = {}
    other: Annotated[Style, Meta(description="The style of all other labels")] = Style()
    captions: Annotated[bool, Meta(description="Write labels and attributes at the boxes")] = True
    text_px: Annotated[
        float, Meta(ge=0, le=500, description="Height of a caption's capitals in pixels; 0: by the picture's height")
    ] = 0


@stage("annotate")
class Annotate(Stage[AnnotateOptions]):
    """Draw boxes and captions into a copy of the picture; detections stay as they are.

    A caption is drawn on a plate of its box's colour, in black or white, whichever is easier to read, and moved to
    lie fully inside the picture. Frames without detections are not copied.

    Example:
        drawn: {use: annotate, input: eyes, styles: {face: {color: "#ffff00", thickness: 3}}}
    """

    Options = AnnotateOptions

    def open(self) -> None:
        """Parse the caption templates."""
        styles = {**TUTORIAL_STYLES, **self.options.styles}
        self._styles = {label: _Drawn(style, self.options.text_px) for label, style in styles.items()}
        self._other = _Drawn(self.options.other, self.options.text_px)

    def process(self, packet: Packet) -> Packet:
        """Draw."""
        if not packet.detections:
            return packet
        packet, pixels = self.canvas(packet)
        for detection in packet.detections:
            draw_box(pixels, detection, self._style(detection).style)
        if self.options.captions:
            for detection in packet.detections:
                self._style(detection).write(pixels, detection)
        return packet

    def _style(self, detection: Detection) -> "_Drawn":
        return self._styles.get(detection.label, self._other)


class _Drawn:
    """A style and parsed template."""

    def __init__(self, style: Style, text_px: float) -> None:
        self.style = style
        self._text_px = text_px
        self._template: CaptionTemplate | None = None
        if isinstance(style.caption, str):
            try:
                self._template = CaptionTemplate(style.caption)
            except ValueError as error:
                raise StageError(f"invalid caption {style.caption!r}: {error}") from error

    def write(self, pixels: Pixels, detection: Detection) -> None:
        """Write the caption, if enabled."""
        if self.style.caption is not False:
            text = self._template.of(detection) if self._template else caption(detection)
            draw_caption(pixels, detection.box, text, self.style, self._text_px)


def draw_box(pixels: Pixels, detection: Detection, style: Style) -> None:
    """Draw a detection's box into a BGR picture."""
    x, y, width, height = (round(side) for side in detection.box)
    cv2.rectangle(pixels, (x, y), (x + width, y + height), style.bgr, style.line(pixels.shape[0]))


def draw_caption(pixels: Pixels, box: Box, text: str, style: Style, text_px: float = 0) -> None:
    """Write a caption above its box, or where there is room for it; without a plate, always above it."""
    size = text_px or max(TEXT_MIN_PX, pixels.shape[0] // TEXT_SHARE)
    scale = size / FONT_UNIT_PX
    stroke = style.text_thickness or max(1, round(size / 10))
    if not style.plate:
        above = (round(box[0]), round(box[1]) - PLAIN_ABOVE_PX)
        cv2.putText(pixels, text, above, FONT, scale, style.text_bgr, stroke, cv2.LINE_AA)
        return
    (width, height), below = cv2.getTextSize(text, FONT, scale, stroke)
    plate = (width + 2 * PADDING_PX, height + below + 2 * PADDING_PX)
    left, top = caption_place(box, plate, (pixels.shape[1], pixels.shape[0]), style.line(pixels.shape[0]))
    cv2.rectangle(pixels, (left, top), (left + plate[0] - 1, top + plate[1] - 1), style.bgr, cv2.FILLED)
    at = (left + PADDING_PX, top + PADDING_PX + height)
    cv2.putText(pixels, text, at, FONT, scale, style.text_bgr, stroke, cv2.LINE_AA)


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


def bgr_of(color: str) -> Bgr:
    """The colour #rrggbb in OpenCV's order."""
    return int(color[5:7], 16), int(color[3:5], 16), int(color[1:3], 16)


def readable_on(color: Bgr) -> Bgr:
    """Black or white, whichever has the higher contrast on this colour; at least 4.5 to 1."""
    # Contrasts of white and black are 1.05 / (L + 0.05) and (L + 0.05) / 0.05 (WCAG 2.1): equal at L = 0.179.
    return (0, 0, 0) if luminance(color) > EQUAL_CONTRAST_LUMINANCE else (255, 255, 255)


def luminance(color: Bgr) -> float:
    """Relative luminance of a BGR colour, 0 to 1 (WCAG 2.1)."""
    blue, green, red = (_linear(part / 255) for part in color)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)
