import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from framewire.pipeline.metrics.collector import RunCollector, registry_of
from framewire.pipeline.seen.rates import rates
from framewire.pipeline.seen.snapshot import Snapshot
from tests.pipeline.snapshots import snapshot, spread

Labels = dict[str, str]


def scraped(before: Snapshot | None = None, now: Snapshot | None = None) -> dict[str, list[tuple[Labels, float]]]:
    before, now = before or snapshot(95.0, 40), now or snapshot(100.0, 60)
    collector = RunCollector()
    collector.tell(now, rates(before, now))
    samples: dict[str, list[tuple[Labels, float]]] = {}
    for family in text_string_to_metric_families(generate_latest(registry_of(collector)).decode()):
        assert family.documentation
        for sample in family.samples:
            samples.setdefault(sample.name, []).append((sample.labels, sample.value))
    return samples


def value(samples: dict[str, list[tuple[Labels, float]]], name: str, **labels: str) -> float:
    (found,) = [value for have, value in samples[f"framewire_{name}"] if labels.items() <= have.items()]
    return found


def test_nothing_is_known_before_the_supervisor_has_spoken() -> None:
    assert generate_latest(registry_of(RunCollector())) == b""


def test_all_frames_are_accounted_for() -> None:
    samples = scraped()
    by_outcome: dict[str, float] = {}
    for labels, count in samples["framewire_frames_total"]:
        by_outcome[labels["outcome"]] = by_outcome.get(labels["outcome"], 0) + count
    assert by_outcome == {"captured": 60, "written": 51, "dropped": 3, "failed": 2}
    assert value(samples, "frames_in_flight") == 4
    assert value(samples, "frames_total", outcome="failed", reason="faces:ValueError") == 2


def test_every_sample_names_the_pipeline() -> None:
    for name, found in scraped().items():
        assert all(labels["pipeline"] == "demo" for labels, _ in found), name


def test_what_was_told_is_there() -> None:
    samples = scraped()
    assert value(samples, "stream_state", state="live") == 1
    assert value(samples, "stream_state", state="down") == 0
    assert value(samples, "source_reconnects_total") == 2
    assert value(samples, "frames_resent_total") == 7
    assert value(samples, "pictures_skipped_total", reason="window_full") == 3
    assert value(samples, "detections_total", label="face") == 7
    assert value(samples, "events_total", kind="crossed", where="door left") == 2
    assert value(samples, "event_last_value", kind="in_view") == 2
    assert (value(samples, "event_value_count"), value(samples, "event_value_sum")) == (3, 4)
    assert value(samples, "stage_seconds_count", stage="faces", worker="faces#1") == 30
    assert value(samples, "stage_seconds_bucket", stage="faces", worker="faces#1", le="0.0167") == 0
    assert value(samples, "stage_seconds_bucket", stage="faces", worker="faces#1", le="0.025") == 30
    assert value(samples, "inference_seconds_count", model="yunet", provider="CPUExecutionProvider") == 2
    assert value(samples, "end_to_end_seconds_count", stage="list", stream="capture") == 56
    assert value(samples, "batch_size_count", stage="list") == 56
    assert value(samples, "stage_info", stage="faces", what="yunet", how="runs on CPUExecutionProvider") == 1
    assert value(samples, "worker_up", worker="list#0") == 1
    assert value(samples, "packets_refused_total", worker="supervisor") == 0


def test_rates_are_of_the_last_seconds() -> None:
    samples = scraped()
    assert value(samples, "fps") == 4.0
    assert value(samples, "queue_depth", stage="faces") == pytest.approx(0.04)
    assert value(samples, "window_used") == 0.5


def test_every_worker_names_its_node() -> None:
    alone, several = scraped(), scraped(spread(95.0, 40), spread(100.0, 60))
    names = [name for name in alone if name.startswith("framewire_worker_") or "refused" in name or "late" in name]
    assert len(names) == 6
    for name in names:
        assert {labels["node"] for labels, _ in alone[name]} == {"home"}, name
        assert {labels["node"] for labels, _ in several[name]} == {"home", "n1"}, name
        assert all(labels["node"] == "n1" for labels, _ in several[name] if labels["worker"].startswith("faces")), name


def test_machines_and_links_are_told_of_where_there_are_any() -> None:
    assert not any("machine" in name or "link" in name or "connections" in name for name in scraped())
    gone = spread(100.0, 60)
    gone.machines["n1"].here = gone.links["home>n1"].up = False
    samples = scraped(spread(95.0, 40), gone)
    assert [value(samples, "machine_up", node=node) for node in ("home", "n1")] == [1, 0]
    assert value(samples, "machine_agents_total", node="n1") == 2
    assert value(samples, "machine_cores", node="home") == 4
    assert value(samples, "link_up", node="home", to="n1") == 0
    assert value(samples, "link_bytes_total", node="home", to="n1") == 60e6
    assert value(samples, "link_bytes_total", node="n1", to="home") == 6000
    assert value(samples, "link_restarts_total", node="n1", to="home") == 1
    assert value(samples, "connections_refused_total") == 3
    assert value(samples, "packets_refused_total", worker="agent", node="n1") == 5
