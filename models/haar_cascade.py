"""Haar cascades: Viola and Jones' detectors, as the files that come with OpenCV's own package."""

from pathlib import Path

import cv2
import cv2.data
import numpy as np
from numpy.typing import NDArray

from models.cannot_load import CannotLoadError

Box = tuple[int, int, int, int]
"""x, y, width, height in pixels of the picture that was searched."""

_PREFIX = "haarcascade_"
_SUFFIX = ".xml"


class CascadeError(CannotLoadError):
    """There is no such cascade, or the file is not one."""


def bundled_cascades() -> list[str]:
    """The names of the cascades that come with OpenCV: `frontalface_default`, `eye`, ..."""
    names = sorted(path.name for path in Path(cv2.data.haarcascades).glob(f"{_PREFIX}*{_SUFFIX}"))
    return [name.removeprefix(_PREFIX).removesuffix(_SUFFIX) for name in names]


class HaarCascade:
    """One cascade, loaded. Not thread-safe: OpenCV keeps the last picture's pyramid in it."""

    def __init__(self, name_or_path: str) -> None:
        path = Path(cv2.data.haarcascades) / f"{_PREFIX}{name_or_path}{_SUFFIX}"
        if not path.is_file():
            path = Path(name_or_path)
        if not path.is_file():
            raise CascadeError(
                f"there is no cascade {name_or_path!r}; name an .xml file or one of {', '.join(bundled_cascades())}"
            )
        try:
            self._classifier = cv2.CascadeClassifier(str(path))
        except (cv2.error, SystemError) as error:
            # OpenCV's constructor fails in either way, as its version goes.
            raise CascadeError(f"{path} is not a cascade that OpenCV can read") from error
        if self._classifier.empty():
            raise CascadeError(f"{path} is not a cascade that OpenCV can read")

    def detect(
        self,
        grey: NDArray[np.uint8],
        scale_factor: float = 1.1,
        min_neighbors: int = 3,
        min_size: int = 0,
        max_size: int = 0,
    ) -> list[Box]:
        """Search a grey picture (height, width) at all scales; boxes in the order in which OpenCV gives them.

        The defaults are those of cv2.CascadeClassifier.detectMultiScale; sizes are of a box's side in pixels, and
        a `max_size` of 0 sets no limit.
        """
        found = self._classifier.detectMultiScale(
            grey,
            scaleFactor=scale_factor,
            minNeighbors=min_neighbors,
            minSize=(min_size, min_size),
            maxSize=(max_size, max_size),
        )
        return [(int(x), int(y), int(width), int(height)) for x, y, width, height in found]
