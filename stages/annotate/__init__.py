"""annotate: boxes and captions, drawn into a copy of the picture."""

from framewire.stages.annotate.annotate import Annotate

__all__ = ["Annotate"]
