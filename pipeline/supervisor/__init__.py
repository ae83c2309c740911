"""Starting, watching, restarting and draining the workers, and the one account of every frame."""

from framewire.pipeline.supervisor.outcome import Outcome
from framewire.pipeline.supervisor.supervisor import Supervisor

__all__ = ["Outcome", "Supervisor"]
