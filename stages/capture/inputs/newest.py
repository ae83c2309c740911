"""A place for one thing, between a producer and a consumer thread."""

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class Newest(Generic[T]):
    """A new thing replaces the one waiting there. With `keeps_all`, `put` blocks until it is empty.

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
        """The thing, and how many were replaced since the last take that found one."""
        with self._taken:
            thing, replaced = self._thing, self._replaced
            self._thing = None
            if thing is not None:
                self._replaced = 0
                self._taken.notify_all()
            return thing, replaced

    def close(self) -> None:
        """No more takes: unblocks a waiting `put`."""
        with self._taken:
            self._closed = True
            self._taken.notify_all()

    @property
    def there(self) -> bool:
        """Whether a thing waits."""
        return self._thing is not None
