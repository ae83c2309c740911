"""A Haar cascade, as in the files that come with OpenCV's own package, and how a picture is searched with it."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal

import cv2
import cv2.data
import numpy as np
from numpy.typing import NDArray

from framewire.models.cannot_load import CannotLoadError
from framewire.models.finders.haar.quick_search import Kernel, QuickSearch, can_compile, compiled_soon
from framewire.models.finders.haar.stumps import read_stumps

Box = tuple[int, int, int, int]
"""x, y, width, height in pixels of the picture that was searched."""

Search = Literal["full", "opencv", "scouts"]
"""full: every window, by our own loop if Numba is installed; opencv: the same windows, by OpenCV's; scouts: every
second window of every second row first, then those near the promising ones: of 908 boxes in eight clips none was missed
or added, though seven are off by a pixel or so, in three quarters of the time. Without Numba all three are `opencv`."""
GROUP_EPS = 0.2
"""Windows that differ by less than this share of their size are one object: the value in OpenCV's detectMultiScale."""

_PREFIX = "haarcascade_"
_SUFFIX = ".xml"


class CascadeError(CannotLoadError):
    """No such cascade, or the file is not a cascade."""


def bundled_cascades() -> list[str]:
    """The names of the cascades that come with OpenCV: `frontalface_default`, `eye`, ..."""
    names = sorted(path.name for path in Path(cv2.data.haarcascades).glob(f"{_PREFIX}*{_SUFFIX}"))
    return [name.removeprefix(_PREFIX).removesuffix(_SUFFIX) for name in names]


class HaarCascade:
    """A loaded cascade. Not thread-safe: OpenCV keeps the last picture's pyramid in it."""

    def __init__(self, name_or_path: str) -> None:
        path = Path(cv2.data.haarcascades) / f"{_PREFIX}{name_or_path}{_SUFFIX}"
        if not path.is_file():
            path = Path(name_or_path)
        if not path.is_file():
            raise CascadeError(
                f"unknown cascade {name_or_path!r}; give an .xml file or one of {', '.join(bundled_cascades())}"
            )
        try:
            self._classifier = cv2.CascadeClassifier(str(path))
        except (cv2.error, SystemError) as error:
            # Which of these OpenCV raises depends on its version.
            raise CascadeError(f"{path} is not a cascade that OpenCV can read") from error
        if self._classifier.empty():
            raise CascadeError(f"{path} is not a cascade that OpenCV can read")
        self._path = path

    @property
    def quick(self) -> bool:
        """Whether Numba is installed and our own loop supports this kind of cascade."""
        return self._quick is not None

    @cached_property
    def _quick(self) -> QuickSearch | None:
        """Read on first use: OpenCV's own search needs neither this nor a kernel."""
        stumps = read_stumps(self._path) if can_compile() else None
        return None if stumps is None else QuickSearch(stumps)

    def detect(
        self,
        grey: NDArray[np.uint8],
        scale_factor: float = 1.1,
        min_neighbors: int = 3,
        min_size: int = 0,
        max_size: int = 0,
        search: Search = "full",
    ) -> list[Box]:
        """Search a grey picture (height, width) at all scales; boxes in OpenCV's order.

        The defaults are those of cv2.CascadeClassifier.detectMultiScale; sizes are of a box's side in pixels, and
        a `max_size` of 0 sets no limit.
        """
        kernel = self._compiled(search)
        if kernel and self._quick:
            windows = self._quick.scouted if search == "scouts" else self._quick.every
            found = _grouped(windows(kernel, grey, scale_factor, (min_size, max_size)), min_neighbors)
            return _cut(found, grey.shape[1], grey.shape[0])
        boxes = self._classifier.detectMultiScale(
            grey,
            scaleFactor=scale_factor,
            minNeighbors=min_neighbors,
            minSize=(min_size, min_size),
            maxSize=(max_size, max_size),
        )
        return [(int(x), int(y), int(width), int(height)) for x, y, width, height in boxes]

    def _compiled(self, search: Search) -> Kernel | None:
        """The kernel if it is ready. The results are the same without it, so only `scouts` waits for it."""
        if search == "opencv" or not self._quick:
            return None
        soon = compiled_soon()
        ready = search == "scouts" or soon.done()
        return soon.result() if ready and not soon.exception() else None


def _grouped(windows: Sequence[Box], min_neighbors: int) -> list[Box]:
    if not windows:
        return []
    boxes, _ = cv2.groupRectangles(list(windows), min_neighbors, GROUP_EPS)
    return [(int(x), int(y), int(width), int(height)) for x, y, width, height in boxes]


def _cut(boxes: list[Box], width: int, height: int) -> list[Box]:
    """Rounding may put a box a pixel past the picture's right or lower edge: clip as OpenCV does."""
    return [(x, y, min(x + w, width) - x, min(y + h, height) - y) for x, y, w, h in boxes]
