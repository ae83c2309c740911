"""Following faces from frame to frame."""

from stages.track.track import Track

__all__ = ["Track"]
