"""A decoded frame's pixels as a player shows them: upright, in BGR."""

from fractions import Fraction
from typing import Any, cast

import numpy as np
from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from framewire.pipeline.frame.ring import Pixels

UNALIGNED = 1
"""AV_CODEC_FLAG_UNALIGNED: else FFmpeg leaves what is cropped at the left of a picture, to keep it aligned."""
CORRUPT = "corrupt"
"""The reason if a frame was there but could not be decoded."""
Matrix = NDArray[np.int32]
"""Nine numbers, by row, as in libavutil's display.h."""
FIELDS = "fields"
HDR = {16: "PQ", 18: "HLG"}
"""Transfer functions of high dynamic range, by their number in ITU-T H.273."""


def picture_of(frame: VideoFrame) -> Pixels:
    """The frame's pixels, (height, width, 3) BGR, turned and mirrored as its display matrix says.

    They are freed with the frame.
    """
    matrix = _matrix(frame)
    picture = _bgr(frame)
    return picture if matrix is None else _shown(picture, matrix)


def is_turned(frame: VideoFrame) -> bool:
    """Whether its rows are shown as columns."""
    matrix = _matrix(frame)
    return matrix is not None and _turns(matrix)


def pixel_aspect(frame: VideoFrame, coded: Fraction | None) -> tuple[int, int] | None:
    """A pixel's width to its height as the frame is shown; None if it is square. `coded` is as it was encoded."""
    if not coded or coded == 1:
        return None
    shown = 1 / coded if is_turned(frame) else coded
    return shown.numerator, shown.denominator


def surprises(frame: VideoFrame) -> dict[str, str]:
    """What is not as a player would show it, by what it concerns."""
    said = {}
    if kind := hdr_of(frame):
        said["HDR"] = f"is HDR ({kind}) and is not tone-mapped: colours are paler or darker than a player's"
    if frame.interlaced_frame:
        said[FIELDS] = "is interlaced: moving objects show combing"
    return said


def hdr_of(frame: VideoFrame) -> str:
    """PQ or HLG if its light is meant for a display of high dynamic range; else empty."""
    return HDR.get(int(frame.color_trc), "")


def _matrix(frame: VideoFrame) -> Matrix | None:
    # The stubs call it a mapping from text; it is one from Type.
    found: Any = cast(Any, frame.side_data).get(Type.DISPLAYMATRIX)
    return None if found is None else np.frombuffer(bytes(found), np.int32)


def _bgr(frame: VideoFrame) -> Pixels:
    """The frame's pixels, (height, width, 3) BGR; rows may be padded."""
    plane = frame.reformat(format="bgr24", threads=1).planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
    return rows[:, : plane.width * 3].reshape(plane.height, plane.width, 3)


def _shown(picture: Pixels, matrix: Matrix) -> Pixels:
    """A pixel at (p, q) is shown at (a p + c q, b p + d q): libavutil's display.h. Angles are taken as right ones."""
    a, b, c, d = (int(matrix[place]) for place in (0, 1, 3, 4))
    if _turns(matrix):
        picture, to_the_left, upwards = picture.transpose(1, 0, 2), c < 0, b < 0
    else:
        to_the_left, upwards = a < 0, d < 0
    return picture[:: -1 if upwards else 1, :: -1 if to_the_left else 1]


def _turns(matrix: Matrix) -> bool:
    return abs(int(matrix[1])) > abs(int(matrix[0]))
