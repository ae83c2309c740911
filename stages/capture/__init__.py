"""capture: where frames come from. One file for each kind of source."""

from stages.capture.capture import Capture

__all__ = ["Capture"]
