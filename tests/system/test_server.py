"""The server beside a real run: metrics that add up, whoever dies; and who may look."""

import os
import signal
import subprocess
from pathlib import Path
from shutil import which

import pytest

from tests.system.running import PIPELINES, Running, framewire, wait_until
from tests.system.served import Scrape, Served, served

COUNTERS = ("_total", "_count", "_sum", "_bucket")


def outcomes(scrape: Scrape, stream: str) -> dict[str, float]:
    counts: dict[str, float] = {}
    for labels, value in scrape.get("framewire_frames_total", []):
        if labels["stream"] == stream:
            counts[labels["outcome"]] = counts.get(labels["outcome"], 0) + value
    return counts


def in_flight(scrape: Scrape, stream: str) -> float:
    (value,) = [value for labels, value in scrape["framewire_frames_in_flight"] if labels["stream"] == stream]
    return value


def counters(scrape: Scrape) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (name, frozenset(labels.items())): value
        for name, samples in scrape.items()
        if name.endswith(COUNTERS)
        for labels, value in samples
    }


def written(one: Served, stream: str) -> float:
    return outcomes(one.scrape(), stream).get("written", 0)


def test_frames_add_up_in_every_scrape_and_no_counter_goes_back_when_workers_die(tmp_path: Path) -> None:
    with served(PIPELINES / "watched.yaml", tmp_path) as one:
        before: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
        for victim in ("slow#1", "left#0", "total#0", "video#0", "list#0"):
            at = written(one, "left")
            one.running.worker(victim).kill()
            scrape = one.scrape()
            while outcomes(scrape, "left").get("written", 0) < at + 50:
                scrape = one.scrape()
                for stream in ("left", "right"):
                    counts = outcomes(scrape, stream)
                    gone = sum(counts.get(name, 0) for name in ("written", "dropped", "failed"))
                    assert counts.get("captured", 0) == gone + in_flight(scrape, stream)
                    assert in_flight(scrape, stream) <= 16
                now = counters(scrape)
                back = [key for key, value in before.items() if now.get(key, 0) < value]
                assert not back, f"after {victim}: {back[:3]}"
                before = now
        restarts = {labels["worker"]: value for labels, value in scrape["framewire_worker_restarts_total"]}
        assert restarts["slow#1"] == restarts["left#0"] == restarts["video#0"] == 1
        assert restarts["slow#0"] == 0
        failed = [value for labels, value in scrape["framewire_frames_total"] if labels["outcome"] == "failed"]
        assert failed == [1, 1]


@pytest.mark.skipif(which("promtool") is None, reason="promtool is not installed (Debian: prometheus)")
def test_promtool_has_nothing_to_say(tmp_path: Path) -> None:
    with served(PIPELINES / "watched.yaml", tmp_path) as one:
        text = one.get("/metrics").body
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_a_server_that_dies_comes_back_and_harms_no_frame(tmp_path: Path) -> None:
    with served(PIPELINES / "watched.yaml", tmp_path) as one:
        at = written(one, "left")
        one.running.worker("server").kill()
        wait_until(lambda: one.answers("/readyz"), "the server again")
        assert written(one, "left") >= at
        assert "the server has died; it starts again" in one.running.stderr()
        one.running.process.send_signal(signal.SIGINT)
        finished = one.running.finish()
    assert finished.code == 130
    assert finished.summary is not None
    assert finished.summary.restarts == 0
    assert finished.summary.frames.in_flight == 0


def test_pictures_are_shown_to_who_looks(tmp_path: Path) -> None:
    with served(PIPELINES / "watched.yaml", tmp_path) as one:
        first = one.get("/streams/left.jpg")
        assert first.headers["content-type"] == "image/jpeg"
        assert first.body.startswith(b"\xff\xd8")
        second = one.get(f"/streams/left.jpg?after={first.headers['x-picture']}")
        assert int(second.headers["x-picture"]) > int(first.headers["x-picture"])


def test_beyond_loopback_a_token_is_made_and_needed(tmp_path: Path) -> None:
    with served(PIPELINES / "watched.yaml", tmp_path, address="0.0.0.0:0") as one:
        token = one.url.partition("?token=")[2]
        assert one.get("/metrics").status == 401
        assert one.get("/metrics", Authorization=f"Bearer {token}").status == 200


def test_a_place_that_is_taken(tmp_path: Path) -> None:
    with served(PIPELINES / "watched.yaml", tmp_path) as one:
        port = one.url.rstrip("/").rpartition(":")[2]
        asked = framewire(str(PIPELINES / "short.yaml"), "--out", str(tmp_path / "b"), "--http", f"127.0.0.1:{port}")
    assert asked.code == 1
    assert f"127.0.0.1:{port} cannot be listened at (Address already in use)" in asked.stderr
    assert "--http HOST:PORT names another place" in asked.stderr


def test_an_address_that_is_none() -> None:
    wrong = framewire(str(PIPELINES / "short.yaml"), "--http", "everywhere")
    assert wrong.code == 2
    assert "write it as HOST:PORT" in wrong.stderr


def test_off_means_no_server(tmp_path: Path) -> None:
    running = Running(PIPELINES / "endless.yaml", tmp_path, "--http", "off")
    try:
        wait_until(lambda: (tmp_path / "endless.jsonl").exists(), "the first line")
        assert not [process for process in running.processes() if "server" in " ".join(process.cmdline())]
    finally:
        os.kill(running.process.pid, signal.SIGINT)
        running.finish()
