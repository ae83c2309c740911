"""A place for one thing, between a thread that puts and one that takes."""

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class Newest(Generic[T]):
    """What is put takes the place of what waits there. With `keeps_all`, who puts waits until it is empty.

    Example:
        place.put(a); place.put(b)
        place.take()    # (b, 1): one was replaced
    """

    def __init__(self, keeps_all: bool = False) -> None:
        self._taken = threading.Condition()
        self._keeps_all = keeps_all
        self._thing: T | None = None
        self._replaced = 0
        self._closed = False

    def put(self, thing: T) -> bool:
        """Returns whether the place was empty."""
        with self._taken:
            if self._keeps_all:
                self._taken.wait_for(lambda: self._thing is None or self._closed)
            empty = self._thing is None
            self._replaced += not empty
            self._thing = thing
            return empty

    def take(self) -> tuple[T | None, int]:
        """What is there, and how many were replaced since the last take that found something."""
        with self._taken:
            thing, replaced = self._thing, self._replaced
            self._thing = None
            if thing is not None:
                self._replaced = 0
                self._taken.notify_all()
            return thing, replaced

    def close(self) -> None:
        """Nobody takes any more: whoever waits to put, goes on."""
        with self._taken:
            self._closed = True
            self._taken.notify_all()

    @property
    def there(self) -> bool:
        """Whether there is something."""
        return self._thing is not None
