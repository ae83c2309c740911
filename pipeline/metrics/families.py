"""Prometheus' families of metrics, each with the label `pipeline` in front."""

from collections.abc import Iterable, Sequence
from functools import partial

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from framewire.pipeline.metrics.buckets import of_seconds
from framewire.pipeline.seen.histogram import Histogram
from framewire.pipeline.seen.snapshot import Snapshot


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


gauge = partial(_plain, GaugeMetricFamily)
"""gauge(snapshot, name, help, labels, rows): `rows` are label values and a number."""
counter = partial(_plain, CounterMetricFamily)
"""The same for numbers that only grow."""


def timed(
    now: Snapshot, name: str, help_text: str, labels: Sequence[str], rows: Iterable[tuple[Sequence[str], Histogram]]
) -> Metric:
    """A histogram of seconds: `rows` are label values and what was measured."""
    family = HistogramMetricFamily(f"framewire_{name}", help_text, labels=["pipeline", *labels])
    for values, histogram in rows:
        family.add_metric([now.pipeline, *values], of_seconds(histogram), histogram.total_s)
    return family


def halves(key: str, between: str) -> tuple[str, str]:
    """The two names that a figure's key is made of."""
    first, _, second = key.partition(between)
    return first, second
