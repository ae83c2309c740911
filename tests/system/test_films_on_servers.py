"""What has an end is read whole, once, with its own times, wherever it is; what has none goes on."""

import json
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from tests.file_server import Quiet, serving_files
from tests.system.running import Running, run, wait_until
from tests.videos import write_video

PIPELINE = """
stages:
  capture: {use: capture}
  list: {use: jsonl_writer, input: capture, path: list.jsonl}
"""
FRAMES = 60


class Server(Quiet):
    """Serves files, without ranges; of `broken.mp4` only the first part; says nothing of itself."""

    def copyfile(self, source: object, outputfile: object) -> None:
        """Send the body, or half of it."""
        content: bytes = source.read()  # type: ignore[attr-defined]
        outputfile.write(content[: len(content) // 2] if "broken" in self.path else content)  # type: ignore[attr-defined]

    def guess_type(self, path: object) -> str:
        """Nothing that would help."""
        return "application/vnd.apple.mpegurl" if str(path).endswith(".m3u8") else "application/octet-stream"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    served = tmp_path / "served"
    served.mkdir()
    write_video(served / "film.mp4", FRAMES, container_options={"movflags": "faststart"})
    (served / "broken.mp4").write_bytes((served / "film.mp4").read_bytes())
    with av.open(str(served / "film.mp4")) as film, av.open(str(served / "film.m3u8"), "w", format="hls") as list_:
        stream = list_.add_stream_from_template(film.streams.video[0])
        for packet in film.demux(video=0):
            if packet.size:
                packet.stream = stream
                list_.mux(packet)
    return served


@pytest.fixture
def address(folder: Path) -> Iterator[str]:
    with serving_files(folder, Server) as server:
        yield server


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "films.yaml"
    path.write_text(PIPELINE)
    return path


def times(out: Path) -> list[float]:
    return [json.loads(line)["pts"] for line in (out / "list.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("name", ["film.mp4", "film.m3u8"])
def test_a_film_is_read_whole_and_once(name: str, address: str, config: Path, tmp_path: Path) -> None:
    finished = run(config, tmp_path, "--source", f"{address}/{name}")
    assert finished.code == 0, finished.stderr
    assert times(tmp_path) == pytest.approx([0.04 * number for number in range(FRAMES)], abs=1e-3)


def test_a_worker_that_dies_reads_it_again_to_where_it_was(address: str, config: Path, tmp_path: Path) -> None:
    running = Running(config, tmp_path, "--source", f"{address}/film.mp4", "--set", "capture.realtime=true")
    wait_until(lambda: (tmp_path / "list.jsonl").exists() and len(times(tmp_path)) > 10, "some frames")
    running.worker("capture#0").kill()
    finished = running.finish()
    assert finished.code == 0, finished.stderr
    assert times(tmp_path) == pytest.approx([0.04 * number for number in range(FRAMES)], abs=1e-3)


def test_half_a_film_is_no_film(address: str, config: Path, tmp_path: Path) -> None:
    finished = run(config, tmp_path, "--source", f"{address}/broken.mp4")
    assert finished.code == 1
    assert "broken.mp4" in finished.stderr.splitlines()[-1]
    assert 0 < len(times(tmp_path)) < FRAMES


def test_what_is_called_live_goes_on(address: str, config: Path, tmp_path: Path) -> None:
    running = Running(config, tmp_path, "--source", f"{address}/film.mp4", "--set", "capture.live=yes")
    wait_until(lambda: "retrying in" in running.stderr(), "the end, and the next try")
    running.process.terminate()
    assert running.finish().code == 130


def test_a_camera_has_no_end(config: Path, tmp_path: Path) -> None:
    finished = run(config, tmp_path, "--source", "rtsp://me:it@127.0.0.1:1/x", "--set", "capture.live=no")
    assert finished.code == 1
    assert finished.stderr.splitlines()[-1] == "error: capture: rtsp://***@127.0.0.1:1/x has no end; remove `live`"


@pytest.mark.parametrize("name", ["film.ts", "film.mkv"])
def test_a_film_is_one_though_the_server_cannot_seek(name: str, folder: Path, config: Path, tmp_path: Path) -> None:
    """Its length is what counts: such a server tells FFmpeg no duration."""
    write_video(folder / name, FRAMES)
    with serving_files(folder, Server) as address:
        finished = run(config, tmp_path / "out", "--source", f"{address}/{name}")
    assert finished.code == 0, finished.stderr
    assert finished.summary is not None
    assert finished.summary.frames.written == FRAMES


def test_an_index_at_the_end_behind_such_a_server_has_a_cure(folder: Path, config: Path, tmp_path: Path) -> None:
    write_video(folder / "late.mp4", 60, 640, 360, options={"qp": "0"})
    with serving_files(folder, Server) as address:
        finished = run(config, tmp_path / "out", "--source", f"{address}/late.mp4")
    assert finished.code == 1
    assert "-movflags +faststart" in finished.stderr
