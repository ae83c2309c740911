"""heatmap: where people stand, and for how long."""

from framewire.stages.heatmap.heatmap import Heatmap

__all__ = ["Heatmap"]
