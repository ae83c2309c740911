"""capture: turns an input, or the built-in demo, into a stream of frames."""

from framewire.stages.capture.capture import Capture

__all__ = ["Capture"]
