"""The metrics of stages: their times, queues and batches, and the trouble of sinks."""

from collections.abc import Iterator

from prometheus_client.core import HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from framewire.pipeline.metrics.buckets import of_sizes
from framewire.pipeline.metrics.families import counter, gauge, halves, timed
from framewire.pipeline.seen.figures import MODEL_AND_PROVIDER
from framewire.pipeline.seen.histogram import Histogram
from framewire.pipeline.seen.rates import Rates
from framewire.pipeline.seen.snapshot import Snapshot


def of_stages(now: Snapshot, rates: Rates) -> Iterator[Metric]:
    """All stages and their workers, from the first scrape, at 0."""
    by_worker = [
        ((name, worker), figures) for name, stage in now.stages.items() for worker, figures in stage.workers.items()
    ]
    totals = {name: stage.total() for name, stage in now.stages.items()}
    yield timed(
        now,
        "stage_seconds",
        "Time per frame in a stage's own code; in a batch, its share",
        ("stage", "worker"),
        [(values, figures.work) for values, figures in by_worker],
    )
    yield timed(
        now,
        "queue_wait_seconds",
        "From the previous stage sending a frame until work on it began",
        ("stage", "worker"),
        [(values, figures.wait) for values, figures in by_worker if now.stages[values[0]].kind != "source"],
    )
    yield gauge(
        now,
        "queue_depth",
        "Frames waiting for a stage, averaged over the last seconds",
        ("stage",),
        [((name,), rate.queue) for name, rate in rates.stages.items() if now.stages[name].kind != "source"],
    )
    yield gauge(
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
        frames = sum(size * tally.calls for size, tally in total.batches.items())
        sizes.add_metric([now.pipeline, name], of_sizes(total.batches), frames)
    yield sizes
    yield timed(
        now,
        "inference_seconds",
        "One call of a model with a batch, including pre- and postprocessing",
        ("stage", "model", "provider"),
        [
            ((name, *halves(key, MODEL_AND_PROVIDER)), histogram)
            for name, total in totals.items()
            for key, histogram in total.inference.items()
        ],
    )
    sinks = {name: stage for name, stage in now.stages.items() if stage.kind == "sink"}
    yield counter(
        now,
        "sink_skipped",
        "Frames that a sink with `lag: skip` has left out",
        ("stage",),
        [((name,), float(stage.skipped)) for name, stage in sinks.items()],
    )
    yield counter(
        now,
        "sink_retries",
        "Times a sink tried again to write what it could not before",
        ("stage",),
        [((name,), float(totals[name].retries)) for name in sinks],
    )
    yield gauge(
        now,
        "sink_failing_seconds",
        "How long a sink has been trying in vain to write; 0 if it can",
        ("stage",),
        [((name,), stage.cannot_write_s) for name, stage in sinks.items()],
    )
    yield timed(
        now,
        "end_to_end_seconds",
        "From capture at the source until a sink had written the frame",
        ("stage", "stream"),
        [
            ((name, stream), totals[name].end_to_end.get(stream, Histogram()))
            for name in sinks
            for stream in _streams_to(now, name)
        ],
    )
    yield gauge(
        now,
        "stage_info",
        "How a stage runs: a model and its provider, and why; always 1",
        ("stage", "what", "how"),
        [((name, what, how), 1.0) for name, total in totals.items() for what, how in total.facts.items()],
    )


def _streams_to(now: Snapshot, stage: str) -> list[str]:
    """The streams that arrive at a stage."""
    above, further = {stage}, [stage]
    while further:
        for name in now.stages[further.pop()].inputs:
            if name not in above:
                above.add(name)
                further.append(name)
    return [name for name, stream in now.streams.items() if stream.source in above]
