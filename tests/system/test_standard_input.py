"""Video through a pipe, and folders that fill up."""

import json
import os
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.system.in_full import in_full
from tests.system.running import Running, command, lines_in, run, wait_until
from tests.videos import packet_places, picture, spoil, write_video

PIPELINE = """
stages:
  capture: {use: capture}
  list: {use: jsonl_writer, input: capture, path: list.jsonl}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "pipe.yaml"
    path.write_text(PIPELINE)
    return path


def piped(config: Path, out: Path, content: bytes, *settings: str) -> subprocess.CompletedProcess[bytes]:
    sets = [part for setting in settings for part in ("--set", setting)]
    arguments = command(str(config), "--source", "-", "--out", str(out), "--http", "off", *sets)
    return subprocess.run(arguments, input=content, capture_output=True, timeout=60)


def test_every_picture_of_a_pipe_becomes_a_frame(config: Path, tmp_path: Path) -> None:
    jpegs = b"".join(cv2.imencode(".jpg", picture(number, 64, 48))[1].tobytes() for number in range(200))
    done = piped(config, tmp_path, jpegs, "capture.camera_format=mjpeg")
    assert done.returncode == 0, done.stderr
    assert lines_in(tmp_path / "list.jsonl") == 200
    assert b"skipped" not in done.stdout


def test_bare_pixels(config: Path, tmp_path: Path) -> None:
    pixels = b"".join(picture(number, 64, 48).tobytes() for number in range(50))
    done = piped(config, tmp_path, pixels, "capture.camera_format=bgr24", "capture.size=64x48")
    assert done.returncode == 0, done.stderr
    assert lines_in(tmp_path / "list.jsonl") == 50


@pytest.mark.parametrize(
    ("content", "settings", "why"),
    [
        (b"", (), b"standard input: "),
        (b"no film at all" * 100, (), b"standard input: "),
        (b"", ("capture.camera_format=bgr24",), b"set `size` for raw pixels"),
    ],
    ids=["empty", "rubbish", "no size"],
)
def test_what_is_no_film_is_said(
    config: Path, tmp_path: Path, content: bytes, settings: tuple[str, ...], why: bytes
) -> None:
    done = piped(config, tmp_path, content, *settings)
    assert done.returncode == 1
    assert why in done.stderr


def test_a_folder_that_fills_up_loses_nothing_though_the_worker_dies(config: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()

    def put(number: int) -> None:
        cv2.imwrite(str(folder / f".{number}.png"), np.full((4, 6, 3), number, np.uint8))
        os.rename(folder / f".{number}.png", folder / f"{number}.png")  # noqa: PTH104

    out = tmp_path / "out"
    running = Running(config, out, "--source", str(folder), "--set", "capture.watch=true", "--set", "capture.limit=60")
    try:
        for number in range(60):
            put(number)
            if number == 30:
                wait_until(lambda: lines_in(out / "list.jsonl") > 5, "the first lines")
                running.worker("capture#0").kill()
        finished = running.finish()
    finally:
        running.process.kill()
    assert finished.code == 0, finished.stderr
    assert finished.summary is not None
    assert finished.summary.frames.written == 60
    assert finished.summary.restarts == 1


def test_a_film_whose_index_is_at_its_end_has_a_cure(config: Path, tmp_path: Path) -> None:
    # One that fits into FFmpeg's buffer could be read.
    large = {"frames": 60, "width": 640, "height": 360, "options": {"qp": "0"}}
    done = piped(config, tmp_path, write_video(tmp_path / "film.mp4", **large).read_bytes())  # type: ignore[arg-type]
    assert done.returncode == 1
    assert b"name the file, or use -movflags +faststart" in done.stderr
    front = {"movflags": "faststart"}
    done = piped(config, tmp_path, write_video(tmp_path / "front.mp4", **large, container_options=front).read_bytes())  # type: ignore[arg-type]
    assert done.returncode == 0, done.stderr


TIMES_MS = [0, 40, 100, 1100, 1140, 3000, 3040, 3080, *range(3120, 4400, 40)]


def told(path: Path) -> list[tuple[float, str]]:
    """Time and outcome of each frame."""
    frames = [json.loads(line) for line in path.read_text().splitlines()]
    return [(frame["pts"], frame["outcome"]) for frame in frames]


@pytest.mark.parametrize("is_spoilt", [False, True], ids=["whole", "spoilt"])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("film.mkv", {}),
        pytest.param("film.ts", {}, marks=in_full),
        ("film.mp4", {"movflags": "frag_keyframe+empty_moov"}),
        pytest.param("film.nut", {}, marks=in_full),
    ],
)
def test_a_film_through_a_pipe_is_that_of_the_file(
    config: Path, tmp_path: Path, name: str, options: dict[str, str], is_spoilt: bool
) -> None:
    film = write_video(tmp_path / name, len(TIMES_MS), times=TIMES_MS, container_options=options)
    if is_spoilt:
        spoil(film, *packet_places(film)[20])
    whole = run(config, tmp_path / "file", "--source", str(film))
    done = piped(config, tmp_path / "pipe", film.read_bytes())
    assert done.returncode == whole.code, done.stderr
    found = told(tmp_path / "pipe" / "list.jsonl")
    assert found == told(tmp_path / "file" / "list.jsonl")
    if not is_spoilt:
        assert [pts for pts, _ in found] == pytest.approx([ms / 1000 for ms in TIMES_MS], abs=0.001)


def test_pictures_without_times_have_those_of_the_rate_that_is_given(config: Path, tmp_path: Path) -> None:
    jpegs = b"".join(cv2.imencode(".jpg", picture(number, 64, 48))[1].tobytes() for number in range(50))
    done = piped(config, tmp_path, jpegs, "capture.camera_format=mjpeg", "capture.camera_rate=10")
    assert done.returncode == 0, done.stderr
    assert [pts for pts, _ in told(tmp_path / "list.jsonl")] == pytest.approx([number / 10 for number in range(50)])


def test_what_comes_live_through_a_pipe_can_have_the_times_of_its_arrival(config: Path, tmp_path: Path) -> None:
    film = write_video(tmp_path / "film.mkv", 20, times=[number * 1000 for number in range(20)])
    done = piped(config, tmp_path, film.read_bytes(), "capture.live=true")
    assert done.returncode == 0, done.stderr
    times = [pts for pts, _ in told(tmp_path / "list.jsonl")]
    assert len(times) == 20
    assert times[-1] < 19


def test_runs_without_a_picture_end_beside_busy_cores(config: Path, tmp_path: Path) -> None:
    """A sink may speak of a stream before its source has opened it: whoever is early waits."""
    runs = []
    for number in range(8):
        arguments = command(str(config), "--source", "-", "--out", str(tmp_path / str(number)), "--http", "off")
        pipe = subprocess.Popen(arguments, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        runs.append(pipe)
    for one in runs:
        _, stderr = one.communicate(b"no film at all" * 100, timeout=60)
        assert one.returncode == 1
        assert b"standard input: " in stderr
