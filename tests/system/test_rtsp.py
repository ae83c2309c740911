"""A real RTSP server that is killed and comes back with another size, beside a stream that is not affected."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from bench.film import demo_clip, frames_of, write_film
from tests.mjpeg_server import serving
from tests.system.running import PIPELINES, ROOT, Running, free_port, lines_in, wait_until

PYTHON = "/usr/bin/python3"
PROBE = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
BACK_WITHIN_S = 3.0
WAITED_FOR_S = 1.5  # what two_streams.yaml waits for a server: nobody else may wait so long for one


def has_server() -> bool:
    return Path(PYTHON).exists() and subprocess.run([PYTHON, "-c", PROBE], capture_output=True).returncode == 0


pytestmark = pytest.mark.skipif(not has_server(), reason="Debian's gir1.2-gst-rtsp-server-1.0 is not installed")


@contextmanager
def rtsp(port: int, clip: Path) -> Iterator[subprocess.Popen[str]]:
    server = subprocess.Popen(
        [PYTHON, str(ROOT / "tests" / "rtsp_server.py"), str(port), str(clip)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        yield server
    finally:
        server.kill()
        server.wait()


def small_clip(path: Path, large: Path) -> Path:
    """The same video at half size."""
    return write_film(path, frames_of(large), (640, 360), 30, {"preset": "ultrafast"})


def test_a_killed_server_is_found_again_and_the_other_stream_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = demo_clip(tmp_path / "large.mp4")
    small = small_clip(tmp_path / "small.mp4", large)
    port, out = free_port(), tmp_path / "out"
    with serving() as hall:
        monkeypatch.setenv("DOOR_URL", f"rtsp://user:secret@127.0.0.1:{port}/live")
        monkeypatch.setenv("HALL_URL", hall.url)
        with rtsp(port, large) as server:
            running = Running(PIPELINES / "two_streams.yaml", out)
            wait_until(lambda: lines_of(out, "door") >= 30, "thirty frames")
            server.kill()
            wait_until(lambda: "door: rtsp://***" in running.stderr() and "retrying in" in running.stderr(), "the loss")
        gone_at = lines_of(out, "door")
        hall_before = lines_of(out, "hall")
        wait_until(lambda: lines_of(out, "hall") >= hall_before + 75, "three seconds of the other stream")
        assert lines_of(out, "door") <= gone_at + 32
        gone_at = lines_of(out, "door")
        with rtsp(port, small):
            back = time.monotonic()
            wait_until(lambda: lines_of(out, "door") > gone_at, "the stream's return")
            took = time.monotonic() - back
            wait_until(lambda: lines_of(out, "door") > gone_at + 20, "some frames more")
            running.process.terminate()
            finished = running.finish()
    assert took < BACK_WITHIN_S
    assert finished.code == 130
    assert finished.summary is not None
    door, other = finished.summary.streams["door"], finished.summary.streams["hall"]
    assert (door.reconnects, other.reconnects) == (1, 0)
    for stream in (door, other):
        assert stream.frames.admitted == stream.frames.written
        assert not stream.frames.failed
    assert longest_gap_s(out, "hall", hall_before, hall_before + 75) < WAITED_FOR_S
    sizes = [(line["width"], line["height"]) for line in lines(out) if line["stream"] == "door"]
    assert sizes[0] == (1280, 720)
    assert sizes[-1] == (640, 360)
    assert all("secret" not in file.read_text() for file in out.glob("*.txt"))
    assert (out / "door.mp4").stat().st_size > 1000
    assert (out / "hall.mp4").stat().st_size > 1000


def lines(out: Path) -> list[dict[str, int | str]]:
    return [json.loads(line) for line in (out / "streams.jsonl").read_text().splitlines() if line.endswith("}")]


def longest_gap_s(out: Path, stream: str, first: int, last: int) -> float:
    """The longest time between two frames of a stream, of its lines from `first` to before `last`."""
    pts = [float(line["pts"]) for line in lines(out) if line["stream"] == stream][first:last]
    return max(later - earlier for earlier, later in pairwise(pts))


def lines_of(out: Path, stream: str) -> int:
    if not lines_in(out / "streams.jsonl"):
        return 0
    return (out / "streams.jsonl").read_bytes().count(f'"stream":"{stream}"'.encode())
