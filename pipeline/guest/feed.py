"""Frames of a program's own, as a pipeline's source."""

import threading
from collections.abc import Iterator
from datetime import datetime
from time import monotonic
from types import TracebackType
from typing import Any, Self

import numpy as np
from msgspec import Struct

from framewire.pipeline.frame.ring import Pixels
from framewire.pipeline.frame.shot import Shot
from framewire.pipeline.stage import NoOptions, Source, StageError
from framewire.pipeline.stage_context import StageContext

MICROSECONDS = (1, 1_000_000)


class FeedEndedError(RuntimeError):
    """The run takes no more frames: it was left, or has failed."""


class _Put(Struct, eq=False):
    picture: Pixels
    since_us: int
    taken_ms: int | None
    replaced: int = 0


class Feed:
    """A source that your program fills: `run` and `frames` take it in place of an address.

    `put` waits until the pipeline has taken the picture. With `drop` it returns at once, and a picture that the
    pipeline has no room for is replaced by the next, as with a camera; those are counted as skipped.

    Example:
        feed = framewire.Feed()
        threading.Thread(target=lambda: [feed.put(picture) for picture in pictures] and feed.end()).start()
        for frame in framewire.frames("faces.yaml", source=feed):
            ...
    """

    def __init__(self, drop: bool = False) -> None:
        self._drop = drop
        self._changed = threading.Condition()
        self._waiting: _Put | None = None
        self._in_hand: _Put | None = None
        self._began: float | None = None
        self._first: float | None = None
        self._last_us = -1
        self._is_ended = False
        self._is_over = False
        self._wake: Any = None

    def put(self, picture: Pixels, time: datetime | float | None = None) -> None:
        """Give a picture, uint8 (height, width, 3) BGR; with `drop` it is copied.

        `time` is when it was taken, or its seconds in the stream; by default now. Raises TypeError, ValueError;
        FeedEndedError if nobody takes frames any more.
        """
        one = self._made(_checked(picture), time)
        with self._changed:
            if self._drop:
                replaced = self._waiting.replaced + 1 if self._waiting is not None else 0
                self._offer(_Put(one.picture.copy(), one.since_us, one.taken_ms, replaced))
                return
            self._changed.wait_for(lambda: self._waiting is None or self._is_over)
            self._offer(one)
            self._changed.wait_for(lambda: one not in (self._waiting, self._in_hand) or self._is_over)
            self._must_run()

    def end(self) -> None:
        """No more pictures will come: the stream ends."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting is None or self._is_over)
            self._is_ended = True
            self._woken()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def is_taken_by(self, wake: Any) -> None:
        """The pipeline calls this: `wake` is to be called when there is something."""
        with self._changed:
            self._wake = wake
            self._woken()

    def over(self) -> None:
        """The run is over: whoever waits need not."""
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    @property
    def is_ready(self) -> bool:
        """Whether there is a picture, or will be none."""
        return self._waiting is not None or self._is_ended

    def take(self) -> _Put | None:
        """The picture that waits; None if none will come."""
        with self._changed:
            self._in_hand, self._waiting = self._waiting, None
            return self._in_hand

    def taken(self) -> None:
        """The picture that was taken is where it belongs."""
        with self._changed:
            self._in_hand = None
            self._changed.notify_all()

    def _offer(self, one: _Put) -> None:
        self._must_run()
        if self._is_ended:
            raise FeedEndedError("this feed was ended; make another")
        self._waiting = one
        self._woken()

    def _must_run(self) -> None:
        if self._is_over:
            raise FeedEndedError("the run takes no more frames: it is over")

    def _woken(self) -> None:
        self._changed.notify_all()
        if self._wake is not None:
            self._wake()

    def _made(self, picture: Pixels, time: datetime | float | None) -> _Put:
        now = monotonic()
        self._began = now if self._began is None else self._began
        taken_ms, since = None, now - self._began
        if isinstance(time, datetime):
            if time.tzinfo is None:
                raise ValueError(f"the time {time} has no time zone; use datetime.now(UTC), for one")
            taken_ms, since = round(time.timestamp() * 1000), self._since(time.timestamp())
        elif time is not None:
            since = self._since(float(time))
        # Times ascend, whatever a clock does.
        self._last_us = max(round(since * 1e6), self._last_us + 1)
        return _Put(picture, self._last_us, taken_ms)

    def _since(self, seconds: float) -> float:
        self._first = seconds if self._first is None else self._first
        return seconds - self._first


class FeedSource(Source[NoOptions]):
    """The feed as a stage of the run."""

    Options = NoOptions
    name = "feed"

    def __init__(self, options: NoOptions, context: StageContext, feed: Feed) -> None:
        super().__init__(options, context)
        self._feed = feed

    @classmethod
    def reads(cls, options: NoOptions) -> str | None:
        """See Source."""
        raise StageError("what a program has fed cannot be had again")

    def open(self) -> None:
        """Be told of pictures."""
        self._feed.is_taken_by(self.wake)

    def is_live(self) -> bool:
        """Pictures come by themselves."""
        return True

    def ready(self) -> bool:
        """See Source."""
        return self._feed.is_ready

    def frames(self, start: int) -> Iterator[Shot]:
        """The pictures, until the feed is ended."""
        while (one := self._feed.take()) is not None:
            height, width = one.picture.shape[:2]
            self.describe("pictures of a program", height, width)
            self.slot(height, width)[...] = one.picture
            self._feed.taken()
            yield Shot(one.since_us, MICROSECONDS, replaced=one.replaced, taken_ms=one.taken_ms)


def _checked(picture: Any) -> Pixels:
    if not isinstance(picture, np.ndarray) or picture.dtype != np.uint8:
        kind = f"{picture.dtype} array" if isinstance(picture, np.ndarray) else type(picture).__name__
        raise TypeError(f"a picture is a NumPy array of uint8, not a {kind}")
    if picture.ndim == 2:
        picture = np.repeat(picture[..., None], 3, axis=2)
    if picture.ndim != 3 or picture.shape[2] != 3 or not picture.size:
        raise ValueError(f"a picture has the shape (height, width, 3), in BGR order, not {picture.shape}")
    return picture
