"""Following faces from frame to frame."""

from framewire.stages.track.track import Track

__all__ = ["Track"]
