"""Colours: a palette that colour-blind people can tell apart, and contrast."""

import zlib

Bgr = tuple[int, int, int]

PALETTE = ("#e69f00", "#009e73", "#f0e442", "#56b4e9", "#d55e00", "#cc79a7", "#0072b2")
"""Okabe and Ito's colours (2008), the black left out, which nobody sees on dark pictures."""
EQUAL_CONTRAST_LUMINANCE = 0.179
"""A plate brighter than this gets black text, a darker one white: sqrt(1.05 * 0.05) - 0.05."""


def bgr_of(color: str) -> Bgr:
    """The colour #rrggbb in OpenCV's order."""
    return int(color[5:7], 16), int(color[3:5], 16), int(color[1:3], 16)


def color_for(name: str | int) -> Bgr:
    """The palette's colour of a label or a track: the same in every process and every run."""
    number = name - 1 if isinstance(name, int) else zlib.crc32(name.encode())
    return bgr_of(PALETTE[number % len(PALETTE)])


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
