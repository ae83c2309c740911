"""annotate: draws what was found into the picture."""

from typing import Annotated

import cv2
from msgspec import Meta, Struct

from pipeline.packet import Detection, Packet
from pipeline.ring import Pixels
from pipeline.stage import Stage, stage

Bgr = tuple[int, int, int]

FONT = cv2.FONT_HERSHEY_SIMPLEX
"""OpenCV's plain sans-serif: it has ASCII only."""
FONT_UNIT_PX = 22
"""Height of a capital in this font at scale 1, in pixels (cv2.getTextSize of "X")."""
TEXT_SHARE = 45
"""A caption's capitals are a 45th of the picture's height unless the options say otherwise: 16 px in 720 lines."""
TEXT_MIN_PX = 8
"""Below eight pixels the font's strokes run together."""
PADDING_PX = 3
"""Between a caption's text and the edge of its plate."""
EQUAL_CONTRAST_LUMINANCE = 0.179
"""A plate brighter than this gets black text, a darker one white: sqrt(1.05 * 0.05) - 0.05."""


class Style(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How detections of one label look."""

    color: Annotated[str, Meta(pattern="^#[0-9a-fA-F]{6}$", description="#rrggbb")] = "#00bfff"
    thickness: Annotated[int, Meta(ge=1, le=100, description="Of the box, in pixels")] = 2
    caption: bool = True

    @property
    def bgr(self) -> Bgr:
        """The colour in OpenCV's order."""
        return int(self.color[5:7], 16), int(self.color[3:5], 16), int(self.color[1:3], 16)


TUTORIAL_STYLES = {
    "face": Style(color="#ff0000", thickness=2),
    "eye": Style(color="#00ff00", thickness=1, caption=False),
}
"""How faces and eyes look where the options do not say: red, two pixels; green, one pixel."""


class AnnotateOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The defaults are the tutorial's colours."""

    styles: Annotated[
        dict[str, Style],
        Meta(
            description="By label: {color: '#rrggbb', thickness: pixels, caption: true or false}; "
            "faces are red, eyes green, unless said here"
        ),
    ] = {}
    other: Annotated[Style, Meta(description="The style of labels that have none")] = Style()
    captions: Annotated[bool, Meta(description="Write labels and attributes at the boxes")] = True
    text_px: Annotated[
        int, Meta(ge=0, le=500, description="Height of a caption's capitals in pixels; 0: by the picture's height")
    ] = 0


@stage("annotate")
class Annotate(Stage[AnnotateOptions]):
    """Draw boxes and captions into a copy of the picture; detections stay as they are.

    A caption stands on a plate of its box's colour, in black or white, whichever is easier to read, and is moved
    until all of it is inside the picture. Frames without detections are not copied.

    Example:
        drawn: {use: annotate, input: eyes, styles: {face: {color: "#ffff00", thickness: 3}}}
    """

    Options = AnnotateOptions

    def process(self, packet: Packet) -> Packet:
        """Draw."""
        if not packet.detections:
            return packet
        packet, pixels = self.canvas(packet)
        for detection in packet.detections:
            draw_box(pixels, detection, self._style(detection))
        if self.options.captions:
            for detection in packet.detections:
                if self._style(detection).caption:
                    draw_caption(pixels, detection, self._style(detection), self.options.text_px)
        return packet

    def _style(self, detection: Detection) -> Style:
        return self.options.styles.get(detection.label) or TUTORIAL_STYLES.get(detection.label) or self.options.other


def draw_box(pixels: Pixels, detection: Detection, style: Style) -> None:
    """Draw a detection's box into a BGR picture."""
    x, y, width, height = (round(side) for side in detection.box)
    cv2.rectangle(pixels, (x, y), (x + width, y + height), style.bgr, style.thickness)


def draw_caption(pixels: Pixels, detection: Detection, style: Style, text_px: int = 0) -> None:
    """Write a detection's caption above its box, or where there is room for it."""
    text = caption(detection)
    size = text_px or max(TEXT_MIN_PX, pixels.shape[0] // TEXT_SHARE)
    scale = size / FONT_UNIT_PX
    stroke = max(1, round(size / 10))
    (width, height), below = cv2.getTextSize(text, FONT, scale, stroke)
    plate = (width + 2 * PADDING_PX, height + below + 2 * PADDING_PX)
    left, top = caption_place(detection.box, plate, (pixels.shape[1], pixels.shape[0]), style.thickness)
    cv2.rectangle(pixels, (left, top), (left + plate[0] - 1, top + plate[1] - 1), style.bgr, cv2.FILLED)
    at = (left + PADDING_PX, top + PADDING_PX + height)
    cv2.putText(pixels, text, at, FONT, scale, readable_on(style.bgr), stroke, cv2.LINE_AA)


def caption(detection: Detection) -> str:
    """What is written at a box: `face #3 90 %: male, 25-32`, with what there is of it, in ASCII."""
    words = [detection.label]
    if detection.track is not None:
        words.append(f"#{detection.track}")
    if detection.score is not None:
        words.append(f"{detection.score:.0%}")
    said = ", ".join(
        attribute.label if attribute.value is None else f"{attribute.value:.0f}"
        for attribute in detection.attributes.values()
    )
    text = " ".join(words) + (f": {said}" if said else "")
    return text.encode("ascii", "replace").decode()


def caption_place(
    box: tuple[float, float, float, float], plate: tuple[int, int], picture: tuple[int, int], thickness: int
) -> tuple[int, int]:
    """Left and top of a plate (width, height) for a box: above it, else just inside its top, always in the picture.

    A plate that is larger than the picture starts at its left, or top, edge.
    """
    half = (thickness + 1) // 2
    left, top = round(box[0]) - half, round(box[1]) - half - plate[1]
    if top < 0:
        top = round(box[1]) + half
    left = max(0, min(left, picture[0] - plate[0]))
    top = max(0, min(top, picture[1] - plate[1]))
    return left, top


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
