"""The search of a picture for a cascade of stumps: what cv2.CascadeClassifier does, in less time.

The boxes are OpenCV's to the pixel, in OpenCV's order with one thread. What differs is how they are come by: see
models/haar/kernel.py. Numba compiles it, from its cache on disk in a quarter of a second, anew in some five: so that
nobody waits, a thread does that, and OpenCV searches until it is done.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import cache, lru_cache
from importlib.util import find_spec
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from models.haar.scales import Scale, scales
from models.haar.stumps import Stumps

SCOUT_STAGES = 8
"""Stages that a scout must survive to be followed. With 8, 99.7 % of OpenCV's boxes are found on the clips tried, and
none that OpenCV does not find; with 6, as many for a fifth more time."""

SearchScale = Callable[..., NDArray[np.uint32]]
_CACHED_SIZES = 4096
"""Scales are remembered for so many sizes of pictures: faces that eyes are searched in come in some hundred sizes."""


@cache
def compiled_soon() -> Future[SearchScale] | None:
    """The compiled kernel of this process, which a thread is making; None without Numba."""
    if find_spec("numba") is None:
        return None
    future: Future[SearchScale] = Future()
    threading.Thread(target=_compile, args=(future,), name="compile", daemon=True).start()
    return future


class QuickSearch:
    """Searches pictures for one cascade."""

    def __init__(self, stumps: Stumps) -> None:
        self._stumps = stumps

    def candidates(
        self,
        search_scale: SearchScale,
        grey: NDArray[np.uint8],
        scale_factor: float,
        sizes: tuple[int, int],
        scouting: bool,
    ) -> Sequence[tuple[int, int, int, int]]:
        """All windows found in a grey picture (height, width), before those that agree are made one box.

        Args:
            sizes: smallest and largest side of a box in pixels; a largest of 0 sets no limit.
            scouting: look at one window in four first where they are close together, and at others near to it.
        """
        stumps = self._stumps
        found: list[tuple[int, int, int, int]] = []
        for scale in _scales(grey.shape[1], grey.shape[0], stumps.width, stumps.height, scale_factor, sizes):
            small = cv2.resize(grey, (scale.width, scale.height), interpolation=cv2.INTER_LINEAR_EXACT)
            sums, squares = cv2.integral2(small, sdepth=cv2.CV_32S, sqdepth=cv2.CV_32S)
            places = _search(search_scale, stumps, sums, squares, scale.step, scouting)
            if len(places):
                found += _boxes(places, sums.shape[1], scale, stumps)
        return found


def _compile(future: Future[SearchScale]) -> None:
    try:
        from models.haar.kernel import search_scale

        _search(search_scale, _NO_STUMPS, np.zeros((9, 9), np.int32), np.zeros((9, 9), np.int32), 1, False)
        future.set_result(search_scale)
    except Exception as error:
        # A Numba that does not go with this Python or NumPy, or a disk that is full: OpenCV searches on.
        future.set_exception(error)


def _search(
    search_scale: SearchScale, stumps: Stumps, sums: Any, squares: Any, step: int, scouting: bool
) -> NDArray[np.uint32]:
    return search_scale(sums, squares, step, SCOUT_STAGES if scouting else 0, stumps)


@lru_cache(maxsize=_CACHED_SIZES)
def _scales(
    width: int, height: int, window_width: int, window_height: int, scale_factor: float, sizes: tuple[int, int]
) -> Sequence[Scale]:
    return tuple(scales((width, height), (window_width, window_height), scale_factor, *sizes))


def _boxes(places: NDArray[np.uint32], stride: int, scale: Scale, stumps: Stumps) -> list[tuple[int, int, int, int]]:
    y, x = np.divmod(places.astype(np.int64), stride)
    left, top = (np.rint(one.astype(np.float32) * scale.factor).astype(int).tolist() for one in (x, y))
    width, height = scale.back(stumps.width), scale.back(stumps.height)
    return [(one, other, width, height) for one, other in zip(left, top, strict=True)]


_NO_STUMPS = Stumps(
    width=20,
    height=20,
    kind=np.zeros(0, np.int8),
    x=np.zeros((0, 9), np.int64),
    y=np.zeros((0, 9), np.int64),
    threshold=np.zeros(0, np.float32),
    left=np.zeros(0, np.float32),
    right=np.zeros(0, np.float32),
    first=np.zeros(2, np.int64),
    stage_threshold=np.zeros(1, np.float32),
)
"""For the first call, which compiles: all types, and a picture too small to be searched."""
