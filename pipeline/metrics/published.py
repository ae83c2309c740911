"""The metrics of sinks that publish: what became of their messages, and what waits."""

from collections.abc import Iterator

from prometheus_client.metrics_core import Metric

from framewire.pipeline.metrics.families import counter, gauge
from framewire.pipeline.seen.snapshot import Snapshot


def of_published(now: Snapshot) -> Iterator[Metric]:
    """Put + those found = delivered + refused + dropped + framewire_messages_waiting, at any moment."""
    accounts = {name: account for name, stage in now.stages.items() if (account := stage.published) is not None}
    yield counter(
        now,
        "messages",
        "Messages of sinks that publish: found of an earlier run, put, delivered, refused by the place, dropped",
        ("stage", "outcome"),
        [
            ((name, outcome), float(getattr(account, outcome)))
            for name, account in accounts.items()
            for outcome in ("found", "put", "delivered", "refused", "dropped")
        ],
    )
    yield gauge(
        now,
        "messages_waiting",
        "Messages in the spool",
        ("stage",),
        [((name,), float(account.waiting)) for name, account in accounts.items()],
    )
    yield gauge(
        now,
        "messages_oldest_seconds",
        "How long the oldest message in the spool has waited; 0 if none waits",
        ("stage",),
        [
            ((name,), max(0.0, now.time - account.oldest) if account.oldest is not None else 0.0)
            for name, account in accounts.items()
        ],
    )
