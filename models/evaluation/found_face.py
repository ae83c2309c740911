"""The face in a data set's picture, found and cropped as in a pipeline."""

import cv2
import numpy as np

from framewire.models.crops.face_crop import BoxCrop, FaceCrop
from framewire.models.finders.face_finder import FaceFinder
from framewire.models.picture import Picture

AROUND = 0.5
"""Border added to a crop, as a fraction of it, so that a detector has context around the face."""
LEAST_PX = 192
"""Smaller pictures are enlarged: no detector sees a face of forty pixels as well as one of a hundred."""


def found_face(picture: Picture, finder: FaceFinder, crop: FaceCrop | None) -> Picture | None:
    """The crop of the highest-scoring face; None if no face is found."""
    scale = max(1.0, LEAST_PX / max(picture.shape[:2]))
    large = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC) if scale > 1 else picture
    border = [round(AROUND * side) for side in large.shape[:2]]
    wider = cv2.copyMakeBorder(large, border[0], border[0], border[1], border[1], cv2.BORDER_REPLICATE)
    around = np.asarray(wider, np.uint8)
    (faces,) = finder.find([around])
    if not faces:
        return None
    cut = (crop or BoxCrop()).cut(around, faces[0].box, faces[0].landmarks)
    return None if cut is None else np.array(cut)
