"""Starting, watching, restarting and draining the workers, and the one account of every frame."""

from framewire.pipeline.supervisor.supervisor import Outcome, Supervisor

__all__ = ["Outcome", "Supervisor"]
