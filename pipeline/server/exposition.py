"""The metrics: a snapshot of the run in Prometheus' format. docs/metrics.md lists them."""

import platform
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from importlib.metadata import PackageNotFoundError, version

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    SummaryMetricFamily,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from framewire.pipeline.seen.figures import KIND_AND_PLACE, MODEL_AND_PROVIDER
from framewire.pipeline.seen.histogram import Histogram
from framewire.pipeline.seen.rates import Rates
from framewire.pipeline.seen.snapshot import Frames, Snapshot
from framewire.pipeline.server.bucket import of_seconds, of_sizes
from framewire.pipeline.server.gpu import gpus
from framewire.pipeline.stage import StreamPhase


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
        yield from _streams(self._now, self._rates)
        yield from _stages(self._now, self._rates)
        yield from _workers(self._now)
        yield from _gpus()


def registry_of(collector: RunCollector) -> CollectorRegistry:
    """A registry of only this collector."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)
    return registry


def _plain(
    kind: type[GaugeMetricFamily] | type[CounterMetricFamily],
    now: Snapshot,
    name: str,
    help_text: str,
    labels: Sequence[str],
    rows: Iterable[tuple[Sequence[str], float]],
) -> Metric:
    family = kind(f"framewire_{name}", help_text, labels=["pipeline", *labels])
    for values, value in rows:
        family.add_metric([now.pipeline, *values], value)
    return family


_gauge = partial(_plain, GaugeMetricFamily)
_counter = partial(_plain, CounterMetricFamily)


def _timed(
    now: Snapshot, name: str, help_text: str, labels: Sequence[str], rows: Iterable[tuple[Sequence[str], Histogram]]
) -> Metric:
    family = HistogramMetricFamily(f"framewire_{name}", help_text, labels=["pipeline", *labels])
    for values, histogram in rows:
        family.add_metric([now.pipeline, *values], of_seconds(histogram), histogram.total_s)
    return family


def _run(now: Snapshot) -> Iterator[Metric]:
    build = GaugeMetricFamily("framewire_build_info", "Versions; always 1", labels=["pipeline", "version", "python"])
    build.add_metric([now.pipeline, _version(), platform.python_version()], 1)
    yield build
    yield _gauge(now, "ready", "Whether every worker is ready and knows all others", (), [((), float(now.ready))])


def _streams(now: Snapshot, rates: Rates) -> Iterator[Metric]:
    streams = now.streams
    yield _counter(
        now,
        "frames",
        "Frames by outcome; captured = written + dropped + failed + framewire_frames_in_flight",
        ("stream", "outcome", "reason"),
        [((name, *key), count) for name, stream in streams.items() for key, count in _outcomes(stream.frames)],
    )
    yield _counter(
        now,
        "pictures_skipped",
        "Pictures of live sources replaced by newer ones before the window had room: they never became frames",
        ("stream", "reason"),
        [((name, why), count) for name, stream in streams.items() for why, count in stream.skipped.items()],
    )
    yield _counter(
        now,
        "pictures_damaged",
        "Pictures in which the decoder concealed errors",
        ("stream",),
        [((name,), stream.damaged) for name, stream in streams.items()],
    )
    yield _gauge(
        now,
        "frames_in_flight",
        "Frames captured and not yet settled",
        ("stream",),
        [((name,), stream.frames.in_flight) for name, stream in streams.items()],
    )
    yield _gauge(
        now,
        "window_used",
        "Share of the window taken by frames in flight, 0 to 1",
        ("stream",),
        [((name,), rate.window_used) for name, rate in rates.streams.items()],
    )
    yield _gauge(
        now,
        "fps",
        "Frames written per second, over the last seconds",
        ("stream",),
        [((name,), rate.fps) for name, rate in rates.streams.items()],
    )
    yield _gauge(
        now,
        "stream_state",
        "1 for the current state of the stream, 0 for the others",
        ("stream", "state"),
        [
            ((name, phase.value), float(stream.state == phase.value))
            for name, stream in streams.items()
            for phase in StreamPhase
        ],
    )
    yield _counter(
        now,
        "source_reconnects",
        "Times a live source reconnected after a loss",
        ("stream",),
        [((name,), stream.reconnects) for name, stream in streams.items()],
    )
    yield _counter(
        now,
        "frames_resent",
        "Frames that a source sent again because a worker on their way had died",
        ("stream",),
        [((name,), stream.resent) for name, stream in streams.items()],
    )
    yield _counter(
        now,
        "detections",
        "Detections in settled frames",
        ("stream", "label"),
        [((name, label), count) for name, stream in streams.items() for label, count in stream.found.items()],
    )
    yield from _events(now)


def _outcomes(frames: Frames) -> Iterator[tuple[tuple[str, str], float]]:
    yield ("captured", ""), frames.admitted
    yield ("written", ""), frames.written
    for reason, count in frames.dropped.items():
        yield ("dropped", reason), count
    for reason, count in frames.failed.items():
        yield ("failed", reason), count


def _events(now: Snapshot) -> Iterator[Metric]:
    rows = [
        ((name, *_halves(key, KIND_AND_PLACE)), tally)
        for name, stream in now.streams.items()
        for key, tally in stream.events.items()
    ]
    labels = ("stream", "kind", "where")
    counts = [(values, float(tally.count)) for values, tally in rows]
    yield _counter(now, "events", "Events on settled frames, from stages such as count", labels, counts)
    valued = [(values, tally) for values, tally in rows if tally.last is not None]
    sums = SummaryMetricFamily("framewire_event_value", "Event values: seconds or counts", labels=["pipeline", *labels])
    for values, tally in valued:
        sums.add_metric([now.pipeline, *values], tally.count, tally.total)
    yield sums
    last = [(values, tally.last or 0.0) for values, tally in valued]
    yield _gauge(now, "event_last_value", "Value of the last event, such as people in view", labels, last)


def _stages(now: Snapshot, rates: Rates) -> Iterator[Metric]:
    by_worker = [
        ((name, worker), figures) for name, stage in now.stages.items() for worker, figures in stage.workers.items()
    ]
    totals = {name: stage.total() for name, stage in now.stages.items()}
    yield _timed(
        now,
        "stage_seconds",
        "Time per frame in a stage's own code; in a batch, its share",
        ("stage", "worker"),
        [(values, figures.work) for values, figures in by_worker],
    )
    yield _timed(
        now,
        "queue_wait_seconds",
        "From the previous stage sending a frame until work on it began",
        ("stage", "worker"),
        [(values, figures.wait) for values, figures in by_worker if now.stages[values[0]].kind != "source"],
    )
    yield _gauge(
        now,
        "queue_depth",
        "Frames waiting for a stage, averaged over the last seconds",
        ("stage",),
        [((name,), rate.queue) for name, rate in rates.stages.items() if now.stages[name].kind != "source"],
    )
    yield _gauge(
        now,
        "stage_busy",
        "Share of the last seconds that a replica of the stage was busy, 0 to 1",
        ("stage",),
        [((name,), rate.busy) for name, rate in rates.stages.items()],
    )
    sizes = HistogramMetricFamily(
        "framewire_batch_size", "Frames per call of a stage's code", labels=["pipeline", "stage"]
    )
    for name, total in totals.items():
        if total.batches:
            frames = sum(size * tally.calls for size, tally in total.batches.items())
            sizes.add_metric([now.pipeline, name], of_sizes(total.batches), frames)
    yield sizes
    yield _timed(
        now,
        "inference_seconds",
        "One call of a model with a batch, including pre- and postprocessing",
        ("stage", "model", "provider"),
        [
            ((name, *_halves(key, MODEL_AND_PROVIDER)), histogram)
            for name, total in totals.items()
            for key, histogram in total.inference.items()
        ],
    )
    sinks = {name: stage for name, stage in now.stages.items() if stage.kind == "sink"}
    yield _counter(
        now,
        "sink_skipped",
        "Frames that a sink with `lag: skip` has left out",
        ("stage",),
        [((name,), float(stage.skipped)) for name, stage in sinks.items()],
    )
    yield _counter(
        now,
        "sink_retries",
        "Times a sink tried again to write what it could not before",
        ("stage",),
        [((name,), float(totals[name].retries)) for name in sinks],
    )
    yield _gauge(
        now,
        "sink_failing_seconds",
        "How long a sink has been trying in vain to write; 0 if it can",
        ("stage",),
        [((name,), stage.cannot_write_s) for name, stage in sinks.items()],
    )
    yield _timed(
        now,
        "end_to_end_seconds",
        "From capture at the source until a sink had written the frame",
        ("stage", "stream"),
        [
            ((name, stream), histogram)
            for name, total in totals.items()
            for stream, histogram in total.end_to_end.items()
        ],
    )
    yield _gauge(
        now,
        "stage_info",
        "How a stage runs: a model and its provider, and why; always 1",
        ("stage", "what", "how"),
        [((name, what, how), 1.0) for name, total in totals.items() for what, how in total.facts.items()],
    )


def _workers(now: Snapshot) -> Iterator[Metric]:
    workers = now.workers
    yield _gauge(
        now,
        "worker_up",
        "Whether the worker is ready",
        ("worker",),
        [((name,), float(w.up)) for name, w in workers.items()],
    )
    yield _counter(
        now,
        "worker_restarts",
        "Times a worker died and was restarted",
        ("worker",),
        [((name,), worker.restarts) for name, worker in workers.items()],
    )
    yield _counter(
        now,
        "worker_cpu_seconds",
        "CPU time of a worker, all its processes so far",
        ("worker",),
        [((name,), worker.cpu_seconds) for name, worker in workers.items()],
    )
    yield _gauge(
        now,
        "worker_resident_bytes",
        "Memory of a worker's process, including shared pages",
        ("worker",),
        [((name,), worker.resident_bytes) for name, worker in workers.items()],
    )
    yield _counter(
        now,
        "late_reads",
        "Pictures gone before a worker read them, and sent again",
        ("worker",),
        [((name,), worker.late) for name, worker in workers.items()],
    )
    refused = [((name,), float(worker.refused)) for name, worker in workers.items()]
    refused.append((("supervisor",), float(now.refused)))
    yield _counter(now, "packets_refused", "Invalid messages refused", ("worker",), refused)


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


def _halves(key: str, between: str) -> tuple[str, str]:
    first, _, second = key.partition(between)
    return first, second


def _version() -> str:
    try:
        return version("framewire")
    except PackageNotFoundError:
        return "unknown"
