"""Playing a file in real time."""

import time

from framewire.pipeline.frame.shot import Shot

RATE_OTHERWISE = 25
"""Frames per second if the file gives none: PAL's."""


class Pace:
    """Tells when the next frame is due: at its video time, counted from when playback began."""

    def __init__(self, keeps: bool) -> None:
        self._keeps = keeps
        self._due = 0.0
        self._offset: float | None = None

    def begin(self, start: int) -> None:
        """Playback begins now, or resumes at frame `start`."""
        self._offset = None

    def played(self, shot: Shot) -> None:
        """A frame was played: the next is due one frame interval later."""
        if not self._keeps:
            return
        seconds = shot.pts * shot.time_base[0] / shot.time_base[1]
        if self._offset is None:
            self._offset = time.monotonic() - seconds
        step = shot.rate[1] / shot.rate[0] if shot.rate else 1 / RATE_OTHERWISE
        self._due = self._offset + seconds + step

    def due(self) -> float:
        """When the next frame may come, by the monotonic clock; 0 if it may come at once."""
        return self._due
