"""Searching a picture with a cascade of stumps: what cv2.CascadeClassifier does, in less time.

The boxes are OpenCV's to the pixel, in OpenCV's order with one thread. How they are found differs: see kernel.py. Numba
loads it from its disk cache in a quarter of a second, or compiles it in some five: so that nobody waits, a thread does
that, and OpenCV searches until it is done.
"""

import fcntl
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from functools import cache, lru_cache
from importlib.util import find_spec
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from framewire.models.cache_folder import cache_folder
from framewire.models.finders.haar.scales import Scale, scales
from framewire.models.finders.haar.stumps import Stumps

SCOUT_STAGES = 12
"""Stages that a scout must survive to be a lead. With this and the next two, of 908 boxes in eight clips (real faces,
original, enlarged and reduced) none was missed or added, and 99.3 % were the same to the pixel. With 8 stages, adjacent
windows only and each scale separately, 1.4 % were missed; with 16, 1.3 %: faces with barely enough hits.
"""
REACH = 2
"""Pixels of the copy around a lead, each way, whose windows are evaluated."""
SPREAD = 1
"""Scales on either side of a lead's own that are searched too: a true face is hit at several."""

COARSE_STEP = 2
"""Pixels of the copy between scouts, and between OpenCV's own windows at small scales."""
_CACHED_SIZES = 4096
"""Scales are cached for this many picture sizes: faces searched for eyes come in some hundred sizes."""


Grey = NDArray[np.uint8]
Window = tuple[int, int, int, int]
"""x, y, width, height in pixels of the picture."""
Places = NDArray[np.uint32]
"""Windows of one scale, by where they begin in its flat integral image."""


class Kernel(NamedTuple):
    """The compiled functions of kernel.py."""

    search_scale: Callable[..., Places]
    search_near: Callable[..., Places]


def can_compile() -> bool:
    """Whether Numba is installed."""
    return find_spec("numba") is not None


@cache
def compiled_soon() -> Future[Kernel]:
    """This process's compiled kernel; the first call starts the thread that compiles it."""
    future: Future[Kernel] = Future()
    threading.Thread(target=_compile, args=(future,), name="compile", daemon=True).start()
    return future


class QuickSearch:
    """Searches pictures with one cascade. Returns all windows found, before those that agree are merged.

    Pictures are grey, (height, width); sizes are the smallest and the largest side of a box in pixels; a largest of
    0 sets no limit.
    """

    def __init__(self, stumps: Stumps) -> None:
        self._stumps = stumps

    def every(self, kernel: Kernel, grey: Grey, scale_factor: float, sizes: tuple[int, int]) -> Sequence[Window]:
        """What OpenCV finds, in its order."""
        found: list[Window] = []
        for scale in self._scales(grey, scale_factor, sizes):
            integrals = _integrals(grey, scale)
            found += self._windows(kernel.search_scale(*integrals, scale.step, 0, self._stumps), scale)
        return found

    def scouted(self, kernel: Kernel, grey: Grey, scale_factor: float, sizes: tuple[int, int]) -> Sequence[Window]:
        """Nearly all of that: scouts first, two pixels apart as OpenCV's own windows are at small scales; then leads.

        A lead is a scout that survived some stages. Windows near it are evaluated, at its scale and the next ones.
        """
        scales = self._scales(grey, scale_factor, sizes)
        integrals = [_integrals(grey, scale) for scale in scales]
        scouts = [
            kernel.search_scale(*both, COARSE_STEP, 0 if scale.step == COARSE_STEP else SCOUT_STAGES, self._stumps)
            for both, scale in zip(integrals, scales, strict=True)
        ]
        centres = [self._centres(places, scale) for places, scale in zip(scouts, scales, strict=True)]
        found: list[Window] = []
        for number, scale in enumerate(scales):
            places = scouts[number]
            if scale.step != COARSE_STEP:
                near = np.concatenate(centres[max(0, number - SPREAD) : number + SPREAD + 1])
                places = kernel.search_near(*integrals[number], self._places(near, scale), REACH, self._stumps)
            found += self._windows(places, scale)
        return found

    def _scales(self, grey: Grey, scale_factor: float, sizes: tuple[int, int]) -> Sequence[Scale]:
        return _scales(grey.shape[1], grey.shape[0], self._stumps.width, self._stumps.height, scale_factor, sizes)

    def _windows(self, places: Places, scale: Scale) -> list[Window]:
        if not len(places):
            return []
        y, x = np.divmod(places.astype(np.int64), scale.width + 1)
        left, top = (np.rint(one.astype(np.float32) * scale.factor).astype(int).tolist() for one in (x, y))
        width, height = scale.back(self._stumps.width), scale.back(self._stumps.height)
        return [(one, other, width, height) for one, other in zip(left, top, strict=True)]

    def _centres(self, places: Places, scale: Scale) -> NDArray[np.float64]:
        """(n, 2): x and y in pixels of the picture."""
        y, x = np.divmod(places.astype(np.float64), scale.width + 1)
        return np.stack([x + self._stumps.width / 2, y + self._stumps.height / 2], 1) * scale.factor

    def _places(self, centres: NDArray[np.float64], scale: Scale) -> Places:
        """The windows of a scale whose centres are nearest, clipped at its edges."""
        window = np.array([self._stumps.width, self._stumps.height])
        most = np.maximum(0, np.array([scale.width, scale.height]) - window)
        x, y = np.clip(np.rint(centres / scale.factor - window / 2), 0, most).astype(np.int64).T
        return np.unique(y * (scale.width + 1) + x).astype(np.uint32)


def _compile(future: Future[Kernel]) -> None:
    try:
        with _alone():
            from framewire.models.finders.haar.kernel import search_near, search_scale

            nothing = np.zeros((9, 9), np.int32)
            search_scale(nothing, nothing, 1, 0, _NO_STUMPS)
            search_near(nothing, nothing, np.zeros(0, np.uint32), REACH, _NO_STUMPS)
        future.set_result(Kernel(search_scale, search_near))
    except Exception as error:
        # Say, a Numba incompatible with this Python or NumPy.
        logging.getLogger(__name__).warning("using OpenCV's search, as Numba failed: %s", error)
        future.set_exception(error)


@contextmanager
def _alone() -> Iterator[None]:
    """One process of the user at a time: the first compiles, others load the result from disk."""
    try:
        cache_folder().mkdir(parents=True, exist_ok=True)
        lock = (cache_folder() / "haar.lock").open("w")
    except OSError:
        yield
        return
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _integrals(grey: Grey, scale: Scale) -> tuple[Any, Any]:
    """Integrals of the picture and its square, scaled."""
    small = cv2.resize(grey, (scale.width, scale.height), interpolation=cv2.INTER_LINEAR_EXACT)
    sums, squares = cv2.integral2(small, sdepth=cv2.CV_32S, sqdepth=cv2.CV_32S)
    return sums, squares


@lru_cache(maxsize=_CACHED_SIZES)
def _scales(
    width: int, height: int, window_width: int, window_height: int, scale_factor: float, sizes: tuple[int, int]
) -> Sequence[Scale]:
    return tuple(scales((width, height), (window_width, window_height), scale_factor, *sizes))


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
