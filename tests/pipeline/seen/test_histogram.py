import math

from hypothesis import given
from hypothesis import strategies as st

from framewire.pipeline.seen.histogram import GROWTH, Histogram

durations = st.lists(st.floats(1e-6, 1e3), min_size=1, max_size=200)


@given(durations, st.floats(0, 1))
def test_a_percentile_is_right_to_a_bucket(seconds: list[float], share: float) -> None:
    histogram = Histogram()
    for value in seconds:
        histogram.add(value)
    exact = sorted(seconds)[max(1, math.ceil(share * len(seconds))) - 1]
    found = histogram.percentile(share)
    assert found is not None
    assert exact / GROWTH <= found <= exact * GROWTH


@given(durations, durations)
def test_merging_is_counting_all(one: list[float], two: list[float]) -> None:
    parts, whole = [Histogram(), Histogram()], Histogram()
    for histogram, values in zip(parts, (one, two), strict=True):
        for value in values:
            histogram.add(value)
            whole.add(value)
    parts[0].merge(parts[1])
    assert parts[0].buckets == whole.buckets
    assert parts[0].count == whole.count
    assert math.isclose(parts[0].total_s, whole.total_s)


def test_nothing_counted_has_no_percentile() -> None:
    assert Histogram().percentile(0.5) is None
