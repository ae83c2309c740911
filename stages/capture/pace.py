"""Playing a file at its own pace."""

import time

from framewire.pipeline.stage import Shot

RATE_OTHERWISE = 25
"""Frames per second where the file does not say: PAL's."""


class Pace:
    """Says when the next frame is due: at its time in the film, counted from when the film began."""

    def __init__(self, keeps: bool) -> None:
        self._keeps = keeps
        self._due = 0.0
        self._offset: float | None = None

    def begin(self, start: int) -> None:
        """The film begins now, or goes on with frame `start`."""
        self._offset = None

    def played(self, shot: Shot) -> None:
        """A frame has been played: the next is due a frame's time later."""
        if not self._keeps:
            return
        seconds = shot.pts * shot.time_base[0] / shot.time_base[1]
        if self._offset is None:
            self._offset = time.monotonic() - seconds
        step = shot.rate[1] / shot.rate[0] if shot.rate else 1 / RATE_OTHERWISE
        self._due = self._offset + seconds + step

    def due(self) -> float:
        """When the next frame may come, by the monotonic clock; 0 where it may come at once."""
        return self._due
