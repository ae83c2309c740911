"""Frames pass from the guest's thread to the loop that wants them, one at a time."""

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class Handover(Generic[T]):
    """A thing is offered, taken, and done with when the next is asked for.

    Example:
        handover.offer(frame)       # the guest's thread: returns when `take` is called for the second time
        handover.take()             # the loop's thread: the frame
        handover.take()             # done with it; waits for the next
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._offered: T | None = None
        self._is_taken = False
        self._is_over = False
        self._is_closed = False

    def offer(self, thing: T) -> None:
        """Wait until somebody has taken it, and is done with it; at once if nobody wants any more."""
        with self._changed:
            if self._is_closed:
                return
            self._offered, self._is_taken = thing, False
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._offered is not thing or self._is_closed)

    def take(self) -> T | None:
        """Be done with the last, and wait for the next; None if there is none."""
        with self._changed:
            if self._is_taken:
                self._offered, self._is_taken = None, False
                self._changed.notify_all()
            self._changed.wait_for(lambda: self._offered is not None or self._is_over or self._is_closed)
            if self._is_closed or self._offered is None:
                return None
            self._is_taken = True
            return self._offered

    def end(self) -> None:
        """Nothing more will be offered."""
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    def close(self) -> None:
        """Nothing more is wanted."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    @property
    def is_closed(self) -> bool:
        """Whether nothing more is wanted."""
        return self._is_closed
