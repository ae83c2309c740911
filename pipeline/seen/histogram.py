"""Durations counted in buckets that grow by 2 %: cheap to update, send and merge, percentiles within 2 %."""

import math
from collections.abc import Iterable

from msgspec import Struct

GROWTH = 1.02
"""Ratio of a bucket's upper to its lower edge: a percentile is off by at most half of it."""
_LOG_GROWTH = math.log(GROWTH)
_SMALLEST_S = 1e-6
"""Anything shorter than a microsecond counts as one."""


def upper_edge(bucket: float) -> float:
    """The longest duration in seconds in a bucket; `bucket - 0.5` gives its geometric middle."""
    return _SMALLEST_S * math.exp(bucket * _LOG_GROWTH)


class Histogram(Struct, array_like=True):
    """Counts of durations in seconds, by bucket number."""

    buckets: dict[int, int] = {}
    count: int = 0
    total_s: float = 0.0

    def add(self, seconds: float) -> None:
        """Count one duration."""
        bucket = math.ceil(math.log(seconds / _SMALLEST_S) / _LOG_GROWTH) if seconds > _SMALLEST_S else 0
        self.buckets[bucket] = self.buckets.get(bucket, 0) + 1
        self.count += 1
        self.total_s += seconds

    def merge(self, other: "Histogram") -> None:
        """Add everything `other` has counted."""
        for bucket, count in other.buckets.items():
            self.buckets[bucket] = self.buckets.get(bucket, 0) + count
        self.count += other.count
        self.total_s += other.total_s

    def minus(self, earlier: "Histogram") -> "Histogram":
        """What was counted since `earlier` was taken."""
        later = {bucket: count - earlier.buckets.get(bucket, 0) for bucket, count in self.buckets.items()}
        since = {bucket: count for bucket, count in later.items() if count > 0}
        return Histogram(since, sum(since.values()), max(0.0, self.total_s - earlier.total_s))

    def percentile(self, share: float) -> float | None:
        """The duration in seconds that `share` (0 to 1) of all do not exceed; None if nothing was counted."""
        if not self.count:
            return None
        wanted = max(1, math.ceil(share * self.count))
        seen = 0
        for bucket in sorted(self.buckets):
            seen += self.buckets[bucket]
            if seen >= wanted:
                # The bucket's geometric middle.
                return upper_edge(bucket - 0.5)
        raise AssertionError("the buckets hold fewer than count")

    def milliseconds(self, share: float) -> float | None:
        """The same in milliseconds, to a thousandth."""
        seconds = self.percentile(share)
        return None if seconds is None else round(seconds * 1000, 3)


def slowest(histograms: Iterable[Histogram]) -> Histogram:
    """The one with the largest median: a frame has arrived when the slowest sink has it. Empty if there is none."""
    return max(histograms, key=lambda histogram: histogram.percentile(0.5) or 0.0, default=Histogram())
