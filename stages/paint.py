"""A frame's thumbnail for the live page: scaled down, with its boxes, as JPEG."""

import cv2
import numpy as np
from numpy.typing import NDArray

from framewire.pipeline.frame.packet import FRAME, Detection, Packet

WIDTH_MAX = 640
"""A phone is 400 points wide; desktops show several streams side by side."""
QUALITY = 75
COLOR = (60, 220, 60)
PARTS_COLOR = (220, 180, 60)
"""For boxes inside another: eyes in a face."""
RIM_COLOR = (20, 20, 20)
TEXT = 0.45


def paint(pixels: NDArray[np.uint8], packet: Packet, step: int) -> bytes:
    """JPEG of a picture, uint8 (height, width, 3) BGR, with every `step`-th pixel of the packet's.

    Boxes are drawn unless an earlier stage drew on the picture.
    """
    scale = min(1.0, WIDTH_MAX / pixels.shape[1])
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    small = np.array(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA) if scale < 1 else pixels, np.uint8)
    if packet.pictures[FRAME].generation == 0:
        for found in packet.detections:
            _draw(small, found, scale / step)
    done, jpeg = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not done:
        raise ValueError("cannot encode the picture as JPEG")
    return jpeg.tobytes()


def words(found: Detection) -> str:
    """Text above a box: its track and its attributes' labels."""
    said = [attribute.label for attribute in found.attributes.values()]
    track = [f"#{found.track}"] if found.track is not None else []
    return " ".join([*track, *said])


def _draw(picture: NDArray[np.uint8], found: Detection, scale: float) -> None:
    left, top, width, height = (round(edge * scale) for edge in found.box)
    color = PARTS_COLOR if found.parent else COLOR
    cv2.rectangle(picture, (left, top), (left + width, top + height), color, 1, cv2.LINE_AA)
    text = words(found)
    if text and not found.parent:
        at = (left, max(10, top - 4))
        # A dark rim first: letters must be readable on any background.
        for ink, thickness in ((RIM_COLOR, 3), (color, 1)):
            cv2.putText(picture, text, at, cv2.FONT_HERSHEY_SIMPLEX, TEXT, ink, thickness, cv2.LINE_AA)
