"""Prometheus histograms: cumulative counts at a few edges chosen for the time scales of video."""

from framewire.pipeline.seen.figures import BatchTally
from framewire.pipeline.seen.histogram import Histogram, upper_edge

SECONDS = (
    *(0.0001, 0.00025, 0.0005),
    *(0.001, 0.002, 0.003, 0.004, 0.005, 0.0067, 0.0083, 0.01, 0.0125, 0.0167, 0.02, 0.025, 0.0333, 0.04, 0.05),
    *(0.0667, 0.08, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0),
)
"""Fine from 1 to 100 ms, with the frame times of 150, 120, 60, 30 and 15 fps, up to 10 s."""
BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
INFINITE = "+Inf"

Buckets = list[tuple[str, float]]


def of_seconds(histogram: Histogram) -> Buckets:
    """(edge, count up to it) for each edge. A narrow bucket counts at the first edge above its middle, so a
    count may be off by the durations within 1 % of its edge."""
    counts = [0] * (len(SECONDS) + 1)
    for bucket, count in histogram.buckets.items():
        middle = upper_edge(bucket - 0.5)
        place = next((place for place, edge in enumerate(SECONDS) if middle <= edge), len(SECONDS))
        counts[place] += count
    return _cumulative([f"{edge:g}" for edge in SECONDS], counts)


def of_sizes(batches: dict[int, BatchTally]) -> Buckets:
    """The same for batch sizes, in frames."""
    counts = [0] * (len(BATCH_SIZES) + 1)
    for size, tally in batches.items():
        place = next((place for place, edge in enumerate(BATCH_SIZES) if size <= edge), len(BATCH_SIZES))
        counts[place] += tally.calls
    return _cumulative([f"{float(edge)}" for edge in BATCH_SIZES], counts)


def _cumulative(edges: list[str], counts: list[int]) -> Buckets:
    buckets, total = [], 0
    for edge, count in zip([*edges, INFINITE], counts, strict=True):
        total += count
        buckets.append((edge, float(total)))
    return buckets
