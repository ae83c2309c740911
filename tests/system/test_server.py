"""The server beside a real run: metrics that add up, whoever dies; and who may look."""

import json
import os
import resource
import signal
import socket
import subprocess
import urllib.request
from contextlib import ExitStack, suppress
from pathlib import Path
from shutil import which
from urllib.parse import urlsplit

import pytest

from framewire.pipeline.server.connection import CONNECTIONS_MAX, OF_ITSELF
from framewire.pipeline.server.listen import BACKLOG
from tests.system.running import PIPELINES, Running, framewire, wait_until
from tests.system.served import Scrape, Served, in_flight, outcomes, served

COUNTERS = ("_total", "_count", "_sum", "_bucket")


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
        failed = [
            value
            for labels, value in scrape["framewire_frames_total"]
            if labels["outcome"] == "failed" and labels["reason"]
        ]
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
        assert "the server has died; restarting it" in one.running.stderr()
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
    assert f"cannot listen on 127.0.0.1:{port} (Address already in use)" in asked.stderr
    assert "--http HOST:PORT sets another address" in asked.stderr


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


def test_top_and_explain_look_at_a_run_elsewhere(tmp_path: Path) -> None:
    with served(PIPELINES / "watched.yaml", tmp_path) as one:
        wait_until(lambda: written(one, "left") > 200, "two hundred frames")
        table = framewire("top", one.url, "--once")
        told = framewire("explain", one.url)
    assert table.code == told.code == 0, table.stderr + told.stderr
    assert "slow (limits)" in table.stdout
    for heading in ("stage", "queue", "busy", "restarts", "left: live", "right: live"):
        assert heading in table.stdout
    assert "slow is busy" in told.stdout
    assert "one more replica of slow (replicas: 3)" in told.stdout


def test_nobody_answers() -> None:
    for name in ("top", "explain"):
        asked = framewire(name, "http://127.0.0.1:9/")
        assert asked.code == 1
        assert "no run answers at http://127.0.0.1:9 (" in asked.stderr


def test_a_token_is_asked_for_and_taken_from_the_environment(tmp_path: Path) -> None:
    with served(PIPELINES / "watched.yaml", tmp_path, address="0.0.0.0:0") as one:
        bare, _, token = one.url.replace("0.0.0.0", "127.0.0.1").partition("?token=")
        assert "set FRAMEWIRE_TOKEN to its token" in framewire("top", bare, "--once").stderr
        assert framewire("top", bare, "--once", env={"FRAMEWIRE_TOKEN": token}).code == 0
        assert framewire("top", f"{bare}?token={token}", "--once").code == 0


def test_a_summary_is_explained_and_what_is_none_is_not(tmp_path: Path) -> None:
    Running(PIPELINES / "short.yaml", tmp_path).finish()
    told = framewire("explain", str(tmp_path / "summary.json"))
    assert told.code == 0
    assert "frames a second; " in told.stdout
    (tmp_path / "other.json").write_text("{}")
    wrong = framewire("explain", str(tmp_path / "other.json"))
    assert wrong.code == 2
    assert "is not a run summary" in wrong.stderr


def test_logs_as_json(tmp_path: Path) -> None:
    running = Running(PIPELINES / "endless.yaml", tmp_path, "--log-format", "json")
    running.worker("read#0").kill()
    wait_until(lambda: "has died" in running.stderr(), "the death message")
    running.process.terminate()
    finished = running.finish()
    lines = [json.loads(line) for line in finished.stderr.splitlines()]
    assert all({"time", "level", "message"} <= set(line) for line in lines)
    assert any(line["level"] == "warning" and "read#0 has died" in line["message"] for line in lines)


def test_the_trace_of_a_run_has_every_frame_at_every_stage(tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    finished = Running(PIPELINES / "short.yaml", tmp_path, "--trace", str(path), "--trace-every", "2").finish()
    assert finished.code == 0
    events = json.loads(path.read_text())
    worked = {(event["tid"], event["args"]["seq"]) for event in events if event.get("cat") == "work"}
    threads = {event["args"]["name"]: event["tid"] for event in events if event["name"] == "thread_name"}
    assert {"source", "read", "metadata"} <= set(threads)
    for stage in ("source", "metadata"):
        assert {seq for thread, seq in worked if thread == threads[stage]} >= set(range(0, 200, 2))
    assert not [seq for _, seq in worked if seq % 2]
    assert sum(event.get("cat") == "frame" and event["ph"] == "e" for event in events) == 100


def test_viewers_who_go_leave_nothing_behind(tmp_path: Path) -> None:
    # Each sink connects when it sends its first picture, which may be after the first viewer's.
    sinks = 2
    with served(PIPELINES / "watched.yaml", tmp_path) as one:
        server = one.running.worker("server")
        one.get("/streams/left.jpg")
        asking = ("ESTABLISHED", "CLOSE_WAIT")
        wait_until(
            lambda: not [1 for link in server.net_connections() if link.status in asking], "the first viewer's end"
        )
        before = server.num_fds()
        for _ in range(3):
            films = [urllib.request.urlopen(f"{one.url}streams/left.mjpeg", timeout=10) for _ in range(10)]
            for film in films:
                assert film.read(2000).startswith(b"--framewire\r\nContent-Type: image/jpeg")
            assert server.num_fds() >= before + 10
            for film in films:
                film.close()
            # One left open in each of three rounds would be one too many.
            wait_until(lambda: server.num_fds() <= before + sinks, "the viewers' sockets to be closed")


def test_strangers_who_never_finish_a_request_stop_nothing(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        with served(PIPELINES / "watched.yaml", tmp_path, "--log-format", "json") as one, ExitStack() as open_ones:
            port = urlsplit(one.url).port
            server = one.running.worker("server")
            for number in range(1500):
                stranger = open_ones.enter_context(socket.create_connection(("127.0.0.1", port)))
                with suppress(OSError):
                    stranger.sendall(
                        b"GET /healthz HTTP/1.1\r\nHost: loc" if number % 2 else b"\x16\x03\x01 nonsense\r\n\r\n"
                    )
                if number % 100 == 99:
                    assert one.get("/healthz").status == 200
                    assert server.num_fds() < CONNECTIONS_MAX + BACKLOG + OF_ITSELF
            assert one.get("/metrics").status == 200
            said = [json.loads(line) for line in one.running.stderr().splitlines()]
            assert [line["message"] for line in said if line.get("worker") == "server"] == [
                "server: Invalid HTTP request received."
            ]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_every_stream_and_stage_has_its_series_before_its_first_frame(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        camera = f"rtsp://127.0.0.1:{silent.getsockname()[1]}/"
        config = tmp_path / "two.yaml"
        config.write_text(
            "name: two\n"
            "stages:\n"
            f"  cam: {{use: capture, sources: {{door: '{camera}', hall: '{camera}'}}}}\n"
            "  list: {use: jsonl_writer, input: cam, path: '{stream}.jsonl'}\n"
        )
        running = Running(config, tmp_path / "out", "--http", "127.0.0.1:0")
        try:
            wait_until(lambda: "live page and metrics: " in running.stderr(), "the server")
            one = Served(running, running.stderr().split("live page and metrics: ")[1].split()[0])
            wait_until(lambda: one.answers("/metrics") and b"framewire" in one.get("/metrics").body, "metrics")
            scrape = one.scrape()
        finally:
            running.process.kill()
            running.process.wait()
    for stream in ("door", "hall"):
        outcomes_of = {
            labels["outcome"]: value for labels, value in scrape["framewire_frames_total"] if labels["stream"] == stream
        }
        assert outcomes_of == {"captured": 0, "written": 0, "dropped": 0, "failed": 0}
        for name in ("pictures_skipped_total", "source_reconnects_total", "end_to_end_seconds_count"):
            assert [value for labels, value in scrape[f"framewire_{name}"] if labels["stream"] == stream] == [0], name
    assert {labels["stage"] for labels, _ in scrape["framewire_batch_size_count"]} == {"door", "hall", "list"}
