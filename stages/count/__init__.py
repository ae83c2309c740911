"""Counting who is in view, who came, who crossed a line, who is in a zone, and for how long."""

from framewire.stages.count.count import Count

__all__ = ["Count"]
