from hypothesis import given
from hypothesis import strategies as st

from framewire.pipeline.metrics.buckets import BATCH_SIZES, SECONDS, of_seconds, of_sizes
from framewire.pipeline.seen.figures import BatchTally
from framewire.pipeline.seen.histogram import Histogram


@given(st.lists(st.floats(1e-6, 20.0), max_size=50))
def test_each_time_stands_at_the_first_edge_above_it_give_or_take_one_hundredth(times: list[float]) -> None:
    histogram = Histogram()
    for seconds in times:
        histogram.add(seconds)
    buckets = of_seconds(histogram)
    counts = [count for _, count in buckets]
    assert counts == sorted(counts)
    assert buckets[-1] == ("+Inf", len(times))
    for edge, count in buckets[:-1]:
        surely = sum(seconds <= float(edge) * 0.98 for seconds in times)
        perhaps = sum(seconds <= float(edge) * 1.02 for seconds in times)
        assert surely <= count <= perhaps


def test_the_frame_times_of_video_have_edges() -> None:
    assert {0.0167, 0.0333, 0.0667, 10.0} <= set(SECONDS)
    assert list(SECONDS) == sorted(SECONDS)


def test_batches_are_counted_by_size() -> None:
    buckets = dict(of_sizes({1: BatchTally(3), 5: BatchTally(2), 300: BatchTally(1)}))
    assert [buckets[f"{float(edge)}"] for edge in BATCH_SIZES[:4]] == [3, 3, 3, 5]
    assert buckets["256.0"] == 5
    assert buckets["+Inf"] == 6
