"""A run on several machines, looked at from outside: by Prometheus, by viewers, by `top`."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.system.cluster import Cluster
from tests.system.in_full import in_full
from tests.system.running import PIPELINES, framewire, wait_until
from tests.system.served import Scrape, Served, in_flight, outcomes

FRAMES = 160
WIDTH, HEIGHT = 1280, 720
PICTURE_WIDTH = 320


@pytest.fixture
def looked_at(tmp_path: Path) -> Iterator[tuple[Cluster, Served]]:
    """Faces are found on n-0, drawn and written on n-1."""
    made = framewire("machines", "keys", "n-0", "n-1", "--folder", str(tmp_path / "keys"))
    assert made.code == 0, made.stderr
    cluster = Cluster(tmp_path, tmp_path / "keys", [None, None, None], PIPELINES / "seen.yaml", "--http", "127.0.0.1:0")
    try:
        wait_until(lambda: bool(cluster.page()), "the server's address")
        one = Served(cluster.running, cluster.page())
        wait_until(lambda: one.answers("/readyz"), "readiness")
        yield cluster, one
    finally:
        cluster.close()


def values(scrape: Scrape, name: str, **labels: str) -> list[float]:
    return [value for have, value in scrape[f"framewire_{name}"] if labels.items() <= have.items()]


def counters(scrape: Scrape) -> dict[tuple[str, ...], float]:
    return {
        (name, *map("=".join, sorted(labels.items()))): value
        for name, found in scrape.items()
        for labels, value in found
        if name.endswith(("_total", "_count", "_bucket"))
    }


def test_the_account_adds_up_in_every_scrape_while_a_machine_goes_and_comes(
    looked_at: tuple[Cluster, Served],
) -> None:
    cluster, one = looked_at
    scrapes: list[Scrape] = []

    def scraped() -> Scrape:
        scrapes.append(one.scrape())
        return scrapes[-1]

    pictures: list[bytes] = []

    def pictured() -> bool:
        answer = one.get("/streams/capture.jpg")
        pictures.extend([answer.body] if answer.status == 200 else [])
        return bool(pictures)

    # All sinks are on n-1.
    wait_until(pictured, "a picture")
    picture = cv2.imdecode(np.frombuffer(pictures[0], np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape[1] == PICTURE_WIDTH
    wait_until(lambda: outcomes(scraped(), "capture")["written"] >= 30, "thirty frames")
    assert values(scrapes[-1], "link_up") == [1.0] * len(values(scrapes[-1], "link_up"))
    cluster.agents["n-0"].kill()
    wait_until(lambda: values(scraped(), "machine_up", node="n-0") == [0.0], "the loss of n-0")
    assert values(scrapes[-1], "link_up", node="home", to="n-0") == [0.0]
    assert values(scrapes[-1], "machine_up", node="n-1") == [1.0]
    table = framewire("top", "--once", one.url)
    assert "waiting for n-0" in " ".join(table.stdout.split()), table.stdout
    cluster.agents["n-0"] = cluster.agent(0)
    gone = outcomes(scrapes[-1], "capture")["written"]
    wait_until(lambda: outcomes(scraped(), "capture")["written"] >= gone + 30, "thirty more")
    assert values(scrapes[-1], "machine_agents_total", node="n-0") == [2.0]
    before: dict[tuple[str, ...], float] = {}
    for scrape in scrapes:
        seen = outcomes(scrape, "capture")
        settled = sum(seen.get(how, 0) for how in ("written", "dropped", "failed"))
        assert seen["captured"] == settled + in_flight(scrape, "capture")
        now = counters(scrape)
        back = {name: (value, now.get(name)) for name, value in before.items() if now.get(name, -1.0) < value}
        assert not back
        before = now
    # A raw picture for each frame, at the least.
    (sent,) = values(scrapes[-1], "link_bytes_total", node="home", to="n-0")
    assert sent >= outcomes(scrapes[-1], "capture")["written"] * WIDTH * HEIGHT * 3
    finished = cluster.running.finish()
    assert finished.code == 0, finished.stderr
    assert finished.summary is not None
    assert finished.summary.frames.written == FRAMES
    assert {name: (machine.stages, machine.agents) for name, machine in finished.summary.machines.items()} == {
        "home": (["capture"], 1),
        "n-0": (["faces"], 2),
        "n-1": (["drawn", "video", "list"], 1),
    }


@in_full
def test_viewers_see_a_stream_whose_sinks_look_nowhere(tmp_path: Path, keys: Path) -> None:
    config = tmp_path / "dark.yaml"
    config.write_text(
        """
engine: agents
machines: {n: {count: 2}}
stages:
  capture: {source: demo, limit: 160, realtime: true, on: n-0}
  list: {use: jsonl_writer, input: capture, path: dark.jsonl}
"""
    )
    cluster = Cluster(tmp_path, keys, [None, None], config, "--http", "127.0.0.1:0")
    try:
        wait_until(lambda: bool(cluster.page()), "the server's address")
        one = Served(cluster.running, cluster.page())
        wait_until(lambda: one.answers("/streams/capture.jpg"), "a picture")
        picture = cv2.imdecode(np.frombuffer(one.get("/streams/capture.jpg").body, np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None
        assert picture.shape[1] == PICTURE_WIDTH
        finished = cluster.running.finish()
        assert finished.summary is not None
        assert finished.summary.links["n-0>home"].sent_bytes < FRAMES * 2000
    finally:
        cluster.close()


def test_check_says_what_runs_where_and_what_links_would_carry() -> None:
    done = framewire("check", str(PIPELINES / "seen.yaml"))
    assert done.code == 0, done.stderr
    said = done.stdout.splitlines()
    assert said[-6:-1] == [
        "home runs capture",
        "n-0 runs faces",
        "n-1 runs drawn, video, list",
        "home>n-0 carries up to 83 MB/s at 30 frames a second (capture, 1280x720)",
        "n-0>n-1 carries up to 83 MB/s at 30 frames a second (capture, 1280x720)",
    ]
