"""A run with its server, and queries."""

import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct
from prometheus_client.parser import text_string_to_metric_families

from tests.system.running import Running, wait_until

Labels = dict[str, str]
Scrape = dict[str, list[tuple[Labels, float]]]


class Answer(Struct):
    """A server's response."""

    status: int
    headers: dict[str, str]
    body: bytes


class Served:
    """A run and the address of its server."""

    def __init__(self, running: Running, url: str) -> None:
        self.running = running
        self.url = url

    def get(self, path: str, **headers: str) -> Answer:
        """GET; whatever the status."""
        request = urllib.request.Request(self.url.split("?")[0].rstrip("/") + path, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return Answer(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, dict(error.headers), error.read())

    def answers(self, path: str, status: int = 200) -> bool:
        """Whether it answers so now; it may be down."""
        try:
            return self.get(path).status == status
        except OSError:
            return False

    def scrape(self) -> Scrape:
        """The metrics."""
        samples: Scrape = {}
        for family in text_string_to_metric_families(self.get("/metrics").body.decode()):
            for sample in family.samples:
                samples.setdefault(sample.name, []).append((sample.labels, sample.value))
        return samples


@contextmanager
def served(config: Path, out: Path, *arguments: str, address: str = "127.0.0.1:0") -> Iterator[Served]:
    """Start a run with a server, and end both."""
    running = Running(config, out, "--http", address, *arguments)
    try:
        found: list[str] = []

        def said() -> bool:
            assert running.process.poll() is None, running.stderr()
            found[:] = re.findall(r'live page and metrics: ([^\s"]+)', running.stderr())
            return bool(found)

        wait_until(said, "the server's address")
        one = Served(running, found[0])
        wait_until(lambda: one.answers("/readyz"), "readiness")
        yield one
    finally:
        running.process.kill()
        running.process.wait()


def outcomes(scrape: Scrape, stream: str) -> dict[str, float]:
    """Frames of a stream by outcome."""
    counts: dict[str, float] = {}
    for labels, value in scrape.get("framewire_frames_total", []):
        if labels["stream"] == stream:
            counts[labels["outcome"]] = counts.get(labels["outcome"], 0) + value
    return counts


def in_flight(scrape: Scrape, stream: str) -> float:
    """Frames of a stream that are neither written nor gone."""
    (value,) = [value for labels, value in scrape["framewire_frames_in_flight"] if labels["stream"] == stream]
    return value
