"""The ResNet-10 SSD face detector that OpenCV published and the tutorial uses, through cv2.dnn."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from framewire.models.catalogue.model_entry import ModelInput
from framewire.models.face import Face
from framewire.models.finders.face_finder import Thresholds
from framewire.models.picture import Picture
from framewire.models.runtime.dnn_network import DnnNetwork
from framewire.models.runtime.provider import Execution

_SCORE, _LEFT, _BOTTOM = 2, 3, 7  # of a row: picture, class, score, left, top, right, bottom


class SsdRes10:
    """A FaceFinder. Boxes are truncated to whole pixels, as in the tutorial; suppression is in the model."""

    def __init__(
        self, weights: Path, graph: Path, facts: ModelInput, thresholds: Thresholds, execution: Execution
    ) -> None:
        """Load the model. Raises ModelError, RuntimeMissingError."""
        self._network = DnnNetwork(weights, graph, execution.device)
        self.device, self.provider, self.fallback = self._network.device, self._network.provider, self._network.fallback
        self._facts = facts
        self._thresholds = thresholds
        self.find([np.zeros((facts.height, facts.width, 3), np.uint8)])

    def find(self, pictures: Sequence[Picture]) -> list[list[Face]]:
        """See FaceFinder."""
        return [self._find_in(picture) for picture in pictures]

    def _find_in(self, picture: Picture) -> list[Face]:
        facts = self._facts
        blob = cv2.dnn.blobFromImage(
            picture, facts.scale, (facts.width, facts.height), facts.mean, swapRB=facts.order == "RGB", crop=False
        )
        (answer,) = self._network.run(np.asarray(blob, np.float32))
        rows = answer.reshape(-1, _BOTTOM)
        height, width = picture.shape[:2]
        faces = []
        for row in rows[rows[:, _SCORE] > self._thresholds.score]:
            left, top, right, bottom = (
                int(share * side)
                for share, side in zip(row[_LEFT:_BOTTOM], (width, height, width, height), strict=True)
            )
            faces.append(Face((left, top, right - left, bottom - top), float(row[_SCORE])))
        return faces
