"""A real Prometheus scrapes a real run: its figures agree with the run's own summary."""

import json
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which
from typing import Any

import pytest

from framewire.pipeline.metrics.buckets import SECONDS
from tests.deploy.test_deploy import expressions
from tests.system.running import PIPELINES, free_port, wait_until
from tests.system.served import Served, served
from tests.videos import write_video

pytestmark = pytest.mark.skipif(which("prometheus") is None, reason="Prometheus is not installed (Debian: prometheus)")
FRAMES = 500
NEARLY_ALL = 440
SPAN_S = 8
ABSENT = (
    "pictures_skipped",
    'outcome=~"dropped|failed"',
    "inference_seconds",
    "events_total",
    "detections_total",
    "machine_",
    "link_",
)
AROUND_P99 = (0.98, 0.998)


class Prometheus:
    """A running Prometheus."""

    def __init__(self, url: str) -> None:
        self.url = url

    def query(self, expression: str, at: float | None = None) -> list[tuple[dict[str, str], float]]:
        """An expression's values, by labels."""
        asked = {"query": expression, **({"time": str(at)} if at else {})}
        found = self._get("/api/v1/query?" + urllib.parse.urlencode(asked))
        return [(one["metric"], float(one["value"][1])) for one in found["data"]["result"]]

    def is_ready(self) -> bool:
        """Whether it answers."""
        try:
            with urllib.request.urlopen(self.url + "/-/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def _get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            return json.load(answer)


@contextmanager
def prometheus(target: str, folder: Path) -> Iterator[Prometheus]:
    """Prometheus, scraping the target each second."""
    port = free_port()
    config = folder / "prometheus.yml"
    config.write_text(
        "global: {scrape_interval: 1s}\n"
        f"scrape_configs: [{{job_name: framewire, static_configs: [{{targets: ['{target}']}}]}}]\n"
    )
    process = subprocess.Popen(
        [
            "prometheus",
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        one = Prometheus(f"http://127.0.0.1:{port}")
        wait_until(one.is_ready, "Prometheus")
        yield one
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Twenty seconds at 25 frames a second: what is measured in real time is known beforehand."""
    return write_video(tmp_path / "clip.mp4", FRAMES)


def address(one: Served) -> str:
    return one.url.removeprefix("http://").rstrip("/")


def test_rates_and_quantiles_agree_with_the_summary_though_a_worker_dies(clip: Path, tmp_path: Path) -> None:
    with (
        served(PIPELINES / "paced.yaml", tmp_path, "--source", str(clip)) as one,
        prometheus(address(one), tmp_path) as database,
    ):
        written = 'framewire_frames_total{outcome="written"}'
        wait_until(lambda: any(value >= 50 for _, value in database.query(written)), "fifty frames")
        one.running.worker("faces#0").kill()
        wait_until(lambda: any(value >= NEARLY_ALL for _, value in database.query(written)), "nearly all frames")
        now = time.time()
        ((_, rate),) = database.query(f"rate({written}[{SPAN_S}s])", now)
        ((_, restarts),) = database.query('framewire_worker_restarts_total{worker="faces#0"}', now)
        buckets = "sum by (le) (framewire_end_to_end_seconds_bucket)"
        silent = [asked for asked in expressions() if not database.query(filled_in(asked), now)]
        around = [database.query(f"histogram_quantile({share}, {buckets})", now)[0][1] for share in AROUND_P99]
        finished = one.running.finish()
    assert finished.code == 0, finished.stderr
    assert finished.summary is not None
    assert finished.summary.frames.written == FRAMES
    assert finished.summary.fps is not None
    assert rate == pytest.approx(finished.summary.fps, rel=0.01)
    assert restarts == 1
    # Every panel of the dashboard has something to show, except for things that this run has none of.
    assert all(any(name in asked for name in ABSENT) for asked in silent), silent
    exact = finished.summary.end_to_end_ms.p99
    assert exact is not None
    # Some frames have come since Prometheus was asked, so the shares differ a little.
    assert place(around[0]) - 1 <= place(exact / 1000) <= place(around[1]) + 1


def filled_in(expression: str) -> str:
    """An expression of the dashboard as Grafana would send it."""
    return expression.replace("$__rate_interval", f"{SPAN_S}s").replace("$pipeline", ".*")


def place(seconds: float) -> int:
    """The number of the bucket that a time falls into."""
    return sum(seconds > edge for edge in SECONDS)
