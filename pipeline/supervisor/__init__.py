"""Starts, watches, restarts and drains the workers, and keeps the one account of every frame."""

from framewire.pipeline.supervisor.ending import Outcome
from framewire.pipeline.supervisor.supervisor import Supervisor

__all__ = ["Outcome", "Supervisor"]
