import pytest

from framewire.pipeline.seen.rates import RateMeter, rates
from tests.pipeline.snapshots import snapshot


def test_what_has_changed_by_the_second() -> None:
    found = rates(snapshot(100.0, 40), snapshot(104.0, 80))
    assert found.fps == 10.0
    faces = found.stages["faces"]
    assert faces.fps == 10.0
    assert faces.p50_ms == pytest.approx(20, rel=0.02)
    assert faces.wait_ms == pytest.approx(10)
    # Ten a second waiting 10 ms each: a tenth of a frame waits at any moment.
    assert faces.queue == pytest.approx(0.1)
    # 40 x 20 ms of work in 4 s by two replicas.
    assert faces.busy == pytest.approx(0.1)
    assert faces.batch == 1.0
    assert found.streams["capture"].p50_ms == pytest.approx(50, rel=0.02)
    assert found.streams["capture"].window_used == 0.5


def test_a_stage_that_works_most_of_its_time_is_the_bottleneck() -> None:
    assert rates(snapshot(100.0, 40), snapshot(104.0, 80)).bottleneck is None
    assert rates(snapshot(100.0, 40), snapshot(100.4, 80)).bottleneck == "faces"


def test_one_snapshot_alone_has_no_rates() -> None:
    found = rates(snapshot(), snapshot())
    assert (found.fps, found.bottleneck) == (0, None)


def test_the_meter_looks_back_for_its_span() -> None:
    meter = RateMeter(span_s=2.0)
    for second, count in enumerate((40, 140, 240, 250, 260)):
        found = meter.take(snapshot(100.0 + second, count))
    assert found.seconds == 2.0
    assert found.fps == 10.0
