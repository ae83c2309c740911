"""The latest events of a run, each once, though several sinks tell of it."""

from collections import deque
from collections.abc import Iterable

from framewire.pipeline.frame.happening import KEPT, Happening

KNOWN = 4 * KEPT
"""Events that are recognised when another sink tells of them: it may be a window behind."""


class Happenings:
    """Numbers events from 1 on.

    Example:
        happenings = Happenings()
        happenings.take(settle.happened)        # those that are new, with their numbers
        happenings.kept                         # the last thousand
    """

    def __init__(self) -> None:
        self.kept: deque[tuple[int, Happening]] = deque(maxlen=KEPT)
        self._known: dict[Happening, None] = {}
        self._count = 0

    def take(self, told: Iterable[Happening]) -> list[tuple[int, Happening]]:
        """Take what a sink tells; returns what nobody has told before."""
        new = []
        for one in told:
            if one in self._known:
                continue
            self._known[one] = None
            if len(self._known) > KNOWN:
                del self._known[next(iter(self._known))]
            self._count += 1
            new.append((self._count, one))
        self.kept.extend(new)
        return new
