"""The metrics: a snapshot of the run in Prometheus' format. docs/metrics.md lists them."""

import platform
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from framewire.pipeline.metrics.families import gauge
from framewire.pipeline.metrics.gpu import gpus
from framewire.pipeline.metrics.machines import of_machines
from framewire.pipeline.metrics.published import of_published
from framewire.pipeline.metrics.stages import of_stages
from framewire.pipeline.metrics.streams import of_streams
from framewire.pipeline.metrics.workers import of_workers
from framewire.pipeline.seen.rates import Rates
from framewire.pipeline.seen.snapshot import Snapshot


class RunCollector(Collector):
    """Serves the last snapshot. Nothing is kept here: the supervisor's counters never decrease, nor do these."""

    def __init__(self) -> None:
        self._now: Snapshot | None = None
        self._rates: Rates | None = None

    def tell(self, now: Snapshot, rates: Rates) -> None:
        """Set the state that the next scrape shows."""
        self._now, self._rates = now, rates

    def collect(self) -> Iterable[Metric]:
        """See prometheus_client."""
        if self._now is None or self._rates is None:
            return
        yield from _run(self._now)
        yield from of_streams(self._now, self._rates)
        yield from of_stages(self._now, self._rates)
        yield from of_published(self._now)
        yield from of_workers(self._now)
        yield from of_machines(self._now)
        yield from _gpus()


def registry_of(collector: RunCollector) -> CollectorRegistry:
    """A registry of only this collector."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)
    return registry


def _run(now: Snapshot) -> Iterator[Metric]:
    build = GaugeMetricFamily("framewire_build_info", "Versions; always 1", labels=["pipeline", "version", "python"])
    build.add_metric([now.pipeline, _version(), platform.python_version()], 1)
    yield build
    yield gauge(now, "ready", "Whether every worker is ready and knows all others", (), [((), float(now.ready))])


def _gpus() -> Iterator[Metric]:
    found = gpus()
    if not found:
        return
    busy = GaugeMetricFamily("framewire_gpu_busy", "Share of time that the GPU was busy, 0 to 1", labels=["gpu"])
    used = GaugeMetricFamily("framewire_gpu_memory_bytes", "GPU memory in use", labels=["gpu"])
    for gpu in found:
        busy.add_metric([gpu.name], gpu.busy)
        used.add_metric([gpu.name], gpu.memory_bytes)
    yield busy
    yield used


def _version() -> str:
    try:
        return version("framewire")
    except PackageNotFoundError:
        return "unknown"
