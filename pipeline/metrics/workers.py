"""The metrics of workers: whether they are up, how often they died, and what they use."""

from collections.abc import Callable, Iterator

from prometheus_client.metrics_core import Metric

from framewire.pipeline.metrics.families import counter, gauge
from framewire.pipeline.seen.snapshot import Snapshot, WorkerNow

HOME = "home"
"""The label `node` of what runs on the machine of the command: always there, so that no series changes its labels."""
LABELS = ("worker", "node")


def of_workers(now: Snapshot) -> Iterator[Metric]:
    """One series a worker; the two ends of a link are workers, too."""

    def rows(value: Callable[[WorkerNow], float]) -> list[tuple[tuple[str, str], float]]:
        return [((name, worker.machine or HOME), float(value(worker))) for name, worker in now.workers.items()]

    yield gauge(now, "worker_up", "Whether the worker is ready", LABELS, rows(lambda worker: worker.up))
    yield counter(
        now, "worker_restarts", "Times a worker died and was restarted", LABELS, rows(lambda worker: worker.restarts)
    )
    yield counter(
        now,
        "worker_cpu_seconds",
        "CPU time of a worker, all its processes so far",
        LABELS,
        rows(lambda worker: worker.cpu_seconds),
    )
    yield gauge(
        now,
        "worker_resident_bytes",
        "Memory of a worker's process, including shared pages",
        LABELS,
        rows(lambda worker: worker.resident_bytes),
    )
    yield counter(
        now,
        "late_reads",
        "Pictures gone before a worker read them, and sent again",
        LABELS,
        rows(lambda worker: worker.late),
    )
    refused = rows(lambda worker: worker.refused)
    refused.append((("supervisor", HOME), float(now.refused)))
    refused += [(("agent", one.name), float(one.refused)) for one in now.machines.values() if one.name != HOME]
    yield counter(now, "packets_refused", "Invalid messages refused", LABELS, refused)
