from framewire.pipeline.metrics.collector import RunCollector
from framewire.pipeline.server.known import HISTORY, Known
from tests.pipeline.snapshots import snapshot


def test_ready_when_every_worker_is_and_every_stream_gives_pictures() -> None:
    known = Known(RunCollector())
    assert known.readiness() == "starting"
    known.take(snapshot())
    assert (known.readiness(), known.health()) == ("", "")
    known.take(snapshot(101.0, state="ended"))
    assert known.readiness() == ""


def test_what_is_amiss_is_named() -> None:
    known = Known(RunCollector())
    known.take(snapshot(state="down"))
    assert known.readiness() == "capture is down"
    later = snapshot(101.0)
    later.ready = False
    known.take(later)
    assert known.readiness() == "not every worker is ready"
    later.failure = "capture: there is no file"
    known.take(later)
    assert known.readiness() == "failed"


def test_the_plot_has_an_end() -> None:
    known = Known(RunCollector())
    for second in range(HISTORY + 10):
        known.take(snapshot(100.0 + second, 40 + second))
    assert len(known.history) == HISTORY
    assert known.history[-1].fps == 1.0
