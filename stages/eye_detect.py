"""eye_detect: finds eyes in detected faces."""

import math
from collections.abc import Iterator
from typing import Annotated, Literal

import cv2
import numpy as np
from msgspec import Meta, Struct

from framewire.models.cannot_load import CannotLoadError
from framewire.models.face import LANDMARKS
from framewire.models.finders.haar import HaarCascade, Search
from framewire.pipeline.frame.packet import Detection, Packet
from framewire.pipeline.frame.ring import Pixels
from framewire.pipeline.option import InputFile
from framewire.pipeline.stage import Stage, StageError, stage

EYE_SHARE = 0.5
"""Side of an eye's box, as a share of the distance between the eyes: brow to lower lid, corner to corner."""
EYE = "eye"
"""The label of an eye."""


class EyeDetectOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The defaults are the tutorial's: OpenCV's own."""

    method: Annotated[
        Literal["haar", "landmarks", "auto"],
        Meta(
            description="haar: OpenCV's cascade in each face; landmarks: from the face detector, at no cost; "
            "auto: landmarks in faces that have them, else the cascade"
        ),
    ] = "haar"
    inside: Annotated[str, Meta(min_length=1, description="Label of the detections to search")] = "face"
    cascade: Annotated[
        InputFile, Meta(min_length=1, description="haar: a cascade shipped with OpenCV, or the path of an .xml file")
    ] = "eye"
    scale_factor: Annotated[
        float, Meta(gt=1, le=10, description="haar: ratio of one size searched to the next; closer to 1 finds more")
    ] = 1.1
    min_neighbors: Annotated[
        int, Meta(ge=0, le=1000, description="haar: hits needed per eye; more means fewer false positives")
    ] = 3
    search: Annotated[
        Search,
        Meta(
            description="haar: full: OpenCV's results, in a quarter of its time with Numba; opencv: OpenCV itself; "
            "scouts: one window in four is tried first, which gains nothing in small faces"
        ),
    ] = "full"
    min_size: Annotated[int, Meta(ge=0, description="Smallest eye to search for: its side in frame pixels")] = 0


@stage("eye_detect")
class EyeDetect(Stage[EyeDetectOptions]):
    """Find eyes in each face. Adds detections `eye` whose parent is the face's id.

    Example:
        eyes: {use: eye_detect, input: faces}
    """

    Options = EyeDetectOptions

    def open(self) -> None:
        """Load the cascade."""
        if self.options.method == "landmarks":
            return
        try:
            self._cascade = HaarCascade(self.options.cascade)
        except CannotLoadError as error:
            raise StageError(str(error)) from error

    def process(self, packet: Packet) -> Packet:
        """Add a detection for each eye in each face, face by face."""
        faces = packet.labelled(self.options.inside)
        if not faces:
            return packet
        if self.options.method == "landmarks":
            return packet.plus(eye for face in faces for eye in eyes_from_landmarks(face))
        picture = self.picture(packet)
        return packet.plus(eye for face in faces for eye in self._eyes(picture, face))

    def _eyes(self, picture: Pixels, face: Detection) -> Iterator[Detection]:
        if self.options.method == "auto" and face.landmarks:
            return eyes_from_landmarks(face)
        return self._haar(picture, face)

    def _haar(self, picture: Pixels, face: Detection) -> Iterator[Detection]:
        height, width = picture.shape[:2]
        left, top = max(0, int(face.box[0])), max(0, int(face.box[1]))
        right, bottom = min(width, int(face.box[0] + face.box[2])), min(height, int(face.box[1] + face.box[3]))
        if right <= left or bottom <= top:
            return
        grey = np.asarray(cv2.cvtColor(picture[top:bottom, left:right], cv2.COLOR_BGR2GRAY), np.uint8)
        options = self.options
        found = self._cascade.detect(
            grey, options.scale_factor, options.min_neighbors, options.min_size, search=options.search
        )
        for x, y, eye_width, eye_height in found:
            yield Detection(label=EYE, box=(left + x, top + y, eye_width, eye_height), parent=face.id)


def eyes_from_landmarks(face: Detection) -> Iterator[Detection]:
    """The two eyes of a face with five landmarks, the person's right one first; none without landmarks."""
    if len(face.landmarks) != len(LANDMARKS):
        return
    (right_x, right_y), (left_x, left_y) = face.landmarks[:2]
    side = EYE_SHARE * math.hypot(left_x - right_x, left_y - right_y)
    for x, y in face.landmarks[:2]:
        yield Detection(label=EYE, box=(x - side / 2, y - side / 2, side, side), parent=face.id, score=face.score)
