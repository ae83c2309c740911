"""The frames of a run, one by one, in a loop."""

import contextlib
import gc
from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import Self

from framewire.pipeline.guest.feed import Feed
from framewire.pipeline.guest.frame import Frame, PictureInUseError
from framewire.pipeline.guest.handover import Handover
from framewire.pipeline.guest.order import Order
from framewire.pipeline.guest.run_process import RunProcess
from framewire.pipeline.seen.summary import Summary


class Frames:
    """Iterates over the frames of a run, which begins with the first and ends with the loop, however that is left.

    After the last frame `summary` is what the run has done. Raises ConfigError, RunError.
    """

    def __init__(self, order: Order, feed: Feed | None = None) -> None:
        self.summary: Summary | None = None
        self._order = order
        self._feed = feed
        self._handover: Handover[Frame] = Handover()
        self._run: RunProcess | None = None
        self._current: Frame | None = None
        self._before: Frame | None = None
        self._is_closed = False

    def __iter__(self) -> Iterator[Frame]:
        return self

    def __next__(self) -> Frame:
        try:
            return self._next()
        except BaseException:
            # A traceback that somebody keeps must not keep the run.
            self.close()
            raise

    def __aiter__(self) -> AsyncIterator[Frame]:
        return self

    async def __anext__(self) -> Frame:
        """The next frame; the event loop goes on meanwhile."""
        import asyncio

        found = await asyncio.to_thread(next, self, None)
        if found is None:
            raise StopAsyncIteration
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        with contextlib.suppress(Exception):
            self.close()

    def close(self) -> None:
        """End the run: frames in flight pass, its files are finished, and nothing of it is left."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._run is not None:
            # Before any frame is settled by it: no source takes another in its place.
            self._run.enough()
        self._handover.close()
        if self._run is not None:
            self._run.end()

    def _next(self) -> Frame:
        if self._is_closed:
            raise StopIteration
        if self._run is None:
            self._run = RunProcess(self._order, self._handover, self._feed)
        self._pass_by()
        frame = self._handover.take()
        if frame is None:
            if self._is_closed:
                # Another thread has left the loop: how the run ended is no longer its concern.
                raise StopIteration
            self._is_closed = True
            self.summary = self._run.wait()
            raise StopIteration
        self._current = frame
        return frame

    def _pass_by(self) -> None:
        """The current frame passes; one that was current before may no longer be in use."""
        if self._before is not None:
            if not self._before.is_free:
                # Only garbage may point to it.
                gc.collect()
            if not self._before.is_free:
                raise PictureInUseError(
                    f"the picture of frame {self._before.seq} of {self._before.stream} is still in use, and its memory "
                    "is needed for another; keep frame.picture.copy() instead"
                )
            self._before = None
        if self._current is not None:
            self._current.pass_by()
            self._before = None if self._current.is_free else self._current
            self._current = None
