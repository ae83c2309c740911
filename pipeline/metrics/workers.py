"""The metrics of workers: whether they are up, how often they died, and what they use."""

from collections.abc import Iterator

from prometheus_client.metrics_core import Metric

from framewire.pipeline.metrics.families import counter, gauge
from framewire.pipeline.seen.snapshot import Snapshot


def of_workers(now: Snapshot) -> Iterator[Metric]:
    """One series a worker."""
    workers = now.workers
    yield gauge(
        now,
        "worker_up",
        "Whether the worker is ready",
        ("worker",),
        [((name,), float(w.up)) for name, w in workers.items()],
    )
    yield counter(
        now,
        "worker_restarts",
        "Times a worker died and was restarted",
        ("worker",),
        [((name,), worker.restarts) for name, worker in workers.items()],
    )
    yield counter(
        now,
        "worker_cpu_seconds",
        "CPU time of a worker, all its processes so far",
        ("worker",),
        [((name,), worker.cpu_seconds) for name, worker in workers.items()],
    )
    yield gauge(
        now,
        "worker_resident_bytes",
        "Memory of a worker's process, including shared pages",
        ("worker",),
        [((name,), worker.resident_bytes) for name, worker in workers.items()],
    )
    yield counter(
        now,
        "late_reads",
        "Pictures gone before a worker read them, and sent again",
        ("worker",),
        [((name,), worker.late) for name, worker in workers.items()],
    )
    refused = [((name,), float(worker.refused)) for name, worker in workers.items()]
    refused.append((("supervisor",), float(now.refused)))
    yield counter(now, "packets_refused", "Invalid messages refused", ("worker",), refused)
