"""UltraFace (Linzaer): a very small face detector without landmarks; boxes are decoded inside the model."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from framewire.models.catalogue.model_entry import ModelInput
from framewire.models.face import Face
from framewire.models.finders.face_finder import Thresholds, best_first
from framewire.models.picture import Picture
from framewire.models.runtime.onnx_session import OnnxSession
from framewire.models.runtime.provider import Execution


class UltraFace:
    """A FaceFinder. The picture is stretched to the model's input, as its authors do."""

    def __init__(self, path: Path, facts: ModelInput, thresholds: Thresholds, execution: Execution) -> None:
        """Load the model. Raises ModelError, RuntimeMissingError."""
        self._session = OnnxSession(path, execution)
        self._session.check(rank=4, outputs=("scores", "boxes"))
        self._facts = facts
        self._thresholds = thresholds
        self.device, self.provider, self.fallback = self._session.device, self._session.provider, self._session.fallback
        self._session.warm_up((1, 3, facts.height, facts.width))

    def find(self, pictures: Sequence[Picture]) -> list[list[Face]]:
        """See FaceFinder."""
        return [self._find_in(picture) for picture in pictures]

    def _find_in(self, picture: Picture) -> list[Face]:
        facts = self._facts
        blob = cv2.dnn.blobFromImage(picture, facts.scale, (facts.width, facts.height), facts.mean, swapRB=True)
        scores, corners = self._session.run(np.asarray(blob, np.float32), ("scores", "boxes"))
        (chosen,) = np.nonzero(scores[0, :, 1] >= self._thresholds.score)
        height, width = picture.shape[:2]
        shares = corners[0, chosen] * np.array([width, height, width, height], np.float32)
        boxes = np.concatenate([shares[:, :2], shares[:, 2:] - shares[:, :2]], axis=1)
        of_face = scores[0, chosen, 1]
        return [
            Face((float(boxes[i, 0]), float(boxes[i, 1]), float(boxes[i, 2]), float(boxes[i, 3])), float(of_face[i]))
            for i in best_first(boxes, of_face, self._thresholds)
        ]
