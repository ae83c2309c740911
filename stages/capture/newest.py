"""A place for one thing: the newest, which takes the place of the one that waits there."""

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class Newest(Generic[T]):
    """One thread puts, another takes; nobody waits.

    Example:
        place.put(a); place.put(b)
        place.take()    # (b, 1): one was replaced
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thing: T | None = None
        self._replaced = 0

    def put(self, thing: T) -> bool:
        """Returns whether the place was empty."""
        with self._lock:
            empty = self._thing is None
            self._replaced += not empty
            self._thing = thing
            return empty

    def take(self) -> tuple[T | None, int]:
        """What is there, and how many were replaced since the last take that found something."""
        with self._lock:
            thing, replaced = self._thing, self._replaced
            self._thing = None
            if thing is not None:
                self._replaced = 0
            return thing, replaced

    @property
    def there(self) -> bool:
        """Whether there is something."""
        return self._thing is not None
