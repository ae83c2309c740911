"""Live streams from servers that come and go: nothing hangs, nothing received is lost, no password is shown."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.mjpeg_server import MjpegServer, serving
from tests.system.running import PIPELINES, ROOT, Running, lines_in, run, wait_until

SECRETS = ("secret", "hush")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[MjpegServer]:
    with serving() as server:
        monkeypatch.setenv("LIVE_URL", server.url)
        yield server


def start(out: Path, *settings: str) -> Running:
    return Running(PIPELINES / "live.yaml", out, *(part for setting in settings for part in ("--set", setting)))


def written(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "live.jsonl").read_text().splitlines()]


def test_a_stream_is_taken_up_to_the_limit_and_its_password_is_nowhere(server: MjpegServer, tmp_path: Path) -> None:
    finished = start(tmp_path, "capture.limit=20").finish()
    assert finished.code == 0, finished.stderr
    assert finished.summary is not None
    assert finished.summary.frames.written == 20
    times = [line["pts"] for line in written(tmp_path)]
    assert times == sorted(times)
    assert finished.summary.streams["capture"].description.endswith("/stream?token=***")
    for file in filter(Path.is_file, tmp_path.iterdir()):
        assert not any(secret.encode() in file.read_bytes() for secret in SECRETS), file
    assert (tmp_path / "live.mp4").stat().st_size > 500


def test_a_server_that_goes_and_comes_back_with_another_size(server: MjpegServer, tmp_path: Path) -> None:
    running = start(tmp_path, "capture.limit=60")
    wait_until(lambda: lines_in(tmp_path / "live.jsonl") >= 10, "ten frames")
    server.behave, server.size = "close", (96, 80)
    server.drop_all()
    wait_until(lambda: "retrying in" in running.stderr(), "the loss message")
    server.behave = "pictures"
    finished = running.finish()
    assert finished.code == 0, finished.stderr
    assert finished.summary is not None
    assert finished.summary.frames.written == 60
    assert not finished.summary.frames.failed
    sizes = [(line["width"], line["height"]) for line in written(tmp_path)]
    assert sizes[0] == (64, 48)
    assert sizes[-1] == (96, 80)
    assert finished.summary.streams["capture"].reconnects == 1


@pytest.mark.parametrize("behave", ["silence", "stall", "garbage", "close"])
def test_a_server_that_misbehaves_is_asked_again_until_it_behaves(
    behave: str, server: MjpegServer, tmp_path: Path
) -> None:
    server.behave = behave
    running = start(tmp_path, "capture.limit=10")
    wait_until(lambda: server.connections >= 2, "a second connection")
    server.behave = "pictures"
    finished = running.finish()
    assert finished.code == 0, finished.stderr
    assert finished.summary is not None
    assert finished.summary.frames.written == 10


def test_a_stream_that_stalls_says_so_before_it_is_tried_again(server: MjpegServer, tmp_path: Path) -> None:
    server.behave = "stall"
    running = start(tmp_path, "capture.limit=10", "capture.read_timeout_s=3")
    wait_until(lambda: "no picture for 1 s" in running.stderr(), "the stall message")
    # The first asks what the server has.
    assert server.connections == 2
    server.behave = "pictures"
    server.drop_all()
    finished = running.finish()
    assert finished.code == 0, finished.stderr


def test_a_stream_that_is_given_up_loses_nothing_that_was_in(server: MjpegServer, tmp_path: Path) -> None:
    server.behave = "15"
    running = start(tmp_path, "capture.tries=2")
    wait_until(lambda: server.sent >= 15, "fifteen pictures")
    server.behave = "close"
    finished = running.finish()
    assert finished.code == 1
    assert finished.stderr.strip().splitlines()[-1].endswith("End of file; gave up after 2 tries in a row")
    assert finished.summary is not None
    frames = finished.summary.frames
    assert frames.admitted == frames.written == lines_in(tmp_path / "live.jsonl") >= 10
    assert frames.in_flight == 0


def test_a_killed_capture_goes_on_with_new_pictures_and_tells_what_may_be_lost(
    server: MjpegServer, tmp_path: Path
) -> None:
    running = start(tmp_path, "capture.limit=80")
    wait_until(lambda: lines_in(tmp_path / "live.jsonl") >= 10, "ten frames")
    running.worker("capture#0").kill()
    finished = running.finish()
    assert finished.code in (0, 1), finished.stderr
    assert finished.summary is not None
    frames = finished.summary.frames
    assert frames.admitted == 80
    assert set(frames.failed) == {"capture:crashed"}
    assert frames.written + sum(frames.failed.values()) == 80
    assert [line["seq"] for line in written(tmp_path)] == list(range(80))


def test_a_server_that_closes_again_and_again_costs_no_memory_and_no_files(server: MjpegServer, tmp_path: Path) -> None:
    server.behave = "2"
    running = start(tmp_path)
    capture = running.worker("capture#0")
    wait_until(lambda: server.connections >= 3, "some connections")
    before = resources(capture)
    wait_until(lambda: server.connections >= 9, "more connections")
    after = resources(capture)
    assert after[0] <= before[0] + 2
    assert after[1] < before[1] + 8 * 2**20
    running.process.terminate()
    assert running.finish().code == 130


def resources(process: psutil.Process) -> tuple[int, int]:
    """Open files and bytes of memory."""
    return process.num_fds(), process.memory_info().rss


def test_a_film_at_its_own_pace_takes_its_own_time(tmp_path: Path) -> None:
    """Forty frames of the demo at thirty a second: a second and a third, and nothing is dropped."""
    finished = run(
        ROOT / "configs" / "doorway.yaml", tmp_path,
        "--set", "capture.limit=40", "--set", "capture.realtime=true", "--set", "faces.width=320",
    )  # fmt: skip
    assert finished.code == 0, finished.stderr
    assert finished.summary is not None
    assert finished.summary.frames.written == 40
    assert finished.summary.seconds >= 39 / 30
