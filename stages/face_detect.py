"""face_detect: finds faces and adds a detection `face` for each."""

from typing import Annotated, Literal

import cv2
import numpy as np
from msgspec import Meta, Struct

from models.haar_cascade import Box, CascadeError, HaarCascade
from pipeline.packet import Detection, Packet
from pipeline.ring import Pixels
from pipeline.stage import Stage, StageError, stage

FACE = "face"
"""The label of a face."""


class FaceDetectOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The defaults are the tutorial's values."""

    method: Annotated[Literal["haar"], Meta(description="haar: OpenCV's cascade, exact and slow")] = "haar"
    cascade: Annotated[
        str, Meta(min_length=1, description="haar: a cascade that comes with OpenCV, or the path of an .xml file")
    ] = "frontalface_default"
    scale_factor: Annotated[
        float, Meta(gt=1, le=10, description="haar: ratio of one size searched to the next; nearer to 1 finds more")
    ] = 1.2
    min_neighbors: Annotated[
        int, Meta(ge=0, le=1000, description="haar: hits that must agree on a face; more means fewer false ones")
    ] = 3
    min_size: Annotated[int, Meta(ge=0, description="Smallest face to look for: its side in pixels of the frame")] = 32
    width: Annotated[
        int, Meta(ge=0, description="Detect on a copy this many pixels wide and map the boxes back; 0: on the frame")
    ] = 0


@stage("face_detect")
class FaceDetect(Stage[FaceDetectOptions]):
    """Find faces. Adds detections `face`; boxes are whole pixels of the frame, in the order in which OpenCV gives them.

    Example:
        faces: {use: face_detect, input: capture, scale_factor: 1.1, width: 640}
    """

    Options = FaceDetectOptions

    def open(self) -> None:
        """Load the cascade."""
        try:
            self._cascade = HaarCascade(self.options.cascade)
        except CascadeError as error:
            raise StageError(str(error)) from error

    def process(self, packet: Packet) -> Packet:
        """Add a detection for each face."""
        grey = cv2.cvtColor(self.picture(packet), cv2.COLOR_BGR2GRAY)
        small, scale = _shrink(np.asarray(grey, np.uint8), self.options.width)
        boxes = self._cascade.detect(
            small,
            self.options.scale_factor,
            self.options.min_neighbors,
            # Rounded as a side in the copy's pixels; without a copy it is the option itself.
            round(self.options.min_size / scale),
        )
        return packet.plus(
            Detection(label=FACE, box=_map_back(box, scale, packet.width, packet.height)) for box in boxes
        )


def _shrink(grey: Pixels, width: int) -> tuple[Pixels, float]:
    """A copy `width` pixels wide, and how many pixels of the picture one of its pixels is; never a larger copy."""
    if not 0 < width < grey.shape[1]:
        return grey, 1.0
    scale = grey.shape[1] / width
    size = (width, max(1, round(grey.shape[0] / scale)))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8), scale


def _map_back(box: Box, scale: float, width: int, height: int) -> tuple[float, float, float, float]:
    """The box in pixels of the frame, cut at its edges (rounding may reach one pixel beyond)."""
    left, top, right, bottom = (round(edge * scale) for edge in (box[0], box[1], box[0] + box[2], box[1] + box[3]))
    return (left, top, min(right, width) - left, min(bottom, height) - top)
