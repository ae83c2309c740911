"""capture: where frames come from. One file for each kind of source."""

from framewire.stages.capture.capture import Capture

__all__ = ["Capture"]
