"""One run: its loop, its epochs, its end, and the one account of every frame."""

from framewire.pipeline.supervisor.ending import Outcome
from framewire.pipeline.supervisor.supervisor import Supervisor

__all__ = ["Outcome", "Supervisor"]
