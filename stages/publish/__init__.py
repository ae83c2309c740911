"""publish: results to brokers, databases and webhooks, by way of a spool on disk."""

from framewire.stages.publish.publish import Publish

__all__ = ["Publish"]
