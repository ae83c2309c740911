"""The metrics of streams: their frames by outcome, their rates, their detections and events."""

from collections.abc import Iterator

from prometheus_client.core import SummaryMetricFamily
from prometheus_client.metrics_core import Metric

from framewire.pipeline.metrics.families import counter, gauge, halves
from framewire.pipeline.seen.figures import KIND_AND_PLACE
from framewire.pipeline.seen.rates import Rates
from framewire.pipeline.seen.snapshot import Frames, Snapshot
from framewire.pipeline.stage import StreamPhase

NONE = ""
"""The reason of what has none, and of a series that stays at 0: an alert on a rate needs one before the first loss."""


def of_streams(now: Snapshot, rates: Rates) -> Iterator[Metric]:
    """All streams that the graph has, from the first scrape, at 0."""
    streams = now.streams
    yield counter(
        now,
        "frames",
        "Frames by outcome; captured = written + dropped + failed + framewire_frames_in_flight",
        ("stream", "outcome", "reason"),
        [((name, *key), count) for name, stream in streams.items() for key, count in _outcomes(stream.frames)],
    )
    yield counter(
        now,
        "pictures_skipped",
        "Pictures of live sources replaced by newer ones before the window had room: they never became frames",
        ("stream", "reason"),
        [
            ((name, why), count)
            for name, stream in streams.items()
            for why, count in {NONE: 0, **stream.skipped}.items()
        ],
    )
    yield counter(
        now,
        "pictures_damaged",
        "Pictures in which the decoder concealed errors",
        ("stream",),
        [((name,), stream.damaged) for name, stream in streams.items()],
    )
    yield gauge(
        now,
        "frames_in_flight",
        "Frames captured and not yet settled",
        ("stream",),
        [((name,), stream.frames.in_flight) for name, stream in streams.items()],
    )
    yield gauge(
        now,
        "window_used",
        "Share of the window taken by frames in flight, 0 to 1",
        ("stream",),
        [((name,), rate.window_used) for name, rate in rates.streams.items()],
    )
    yield gauge(
        now,
        "fps",
        "Frames written per second, over the last seconds",
        ("stream",),
        [((name,), rate.fps) for name, rate in rates.streams.items()],
    )
    yield gauge(
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
    yield counter(
        now,
        "source_reconnects",
        "Times a live source reconnected after a loss",
        ("stream",),
        [((name,), stream.reconnects) for name, stream in streams.items()],
    )
    yield counter(
        now,
        "frames_resent",
        "Frames that a source sent again because a worker on their way had died",
        ("stream",),
        [((name,), stream.resent) for name, stream in streams.items()],
    )
    yield counter(
        now,
        "detections",
        "Detections in settled frames",
        ("stream", "label"),
        [((name, label), count) for name, stream in streams.items() for label, count in stream.found.items()],
    )
    yield from _events(now)


def _outcomes(frames: Frames) -> Iterator[tuple[tuple[str, str], float]]:
    yield ("captured", NONE), frames.admitted
    yield ("written", NONE), frames.written
    for outcome, reasons in (("dropped", frames.dropped), ("failed", frames.failed)):
        for reason, count in {NONE: 0, **reasons}.items():
            yield (outcome, reason), count


def _events(now: Snapshot) -> Iterator[Metric]:
    rows = [
        ((name, *halves(key, KIND_AND_PLACE)), tally)
        for name, stream in now.streams.items()
        for key, tally in stream.events.items()
    ]
    labels = ("stream", "kind", "where")
    counts = [(values, float(tally.count)) for values, tally in rows]
    yield counter(now, "events", "Events on settled frames, from stages such as count", labels, counts)
    valued = [(values, tally) for values, tally in rows if tally.last is not None]
    sums = SummaryMetricFamily("framewire_event_value", "Event values: seconds or counts", labels=["pipeline", *labels])
    for values, tally in valued:
        sums.add_metric([now.pipeline, *values], tally.count, tally.total)
    yield sums
    last = [(values, tally.last or 0.0) for values, tally in valued]
    yield gauge(now, "event_last_value", "Value of the last event, such as people in view", labels, last)
