"""`import framewire`: a pipeline's frames in a loop, and what is left when the loop is left."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
import pytest

import framewire
from tests.stages.faces import demo_frame
from tests.system.running import ROOT, run, title, wait_until

PIPELINE = """
name: looped
window: 8
stages:
  capture: {source: demo, limit: 40}
  faces: {use: face_detect, input: capture, width: 320}
  tracks: {use: track, input: faces}
  list: {use: jsonl_writer, input: tracks, path: list.jsonl}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "looped.yaml"
    path.write_text(PIPELINE)
    return path


def processes() -> list[psutil.Process]:
    return [process for process in psutil.process_iter() if title(process).startswith("framewire looped")]


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    yield
    wait_until(lambda: not processes(), "the end of all processes")
    assert not [name for name in os.listdir("/dev/shm") if "framewire" in name]  # noqa: PTH208


def test_a_loop_gets_what_a_file_gets(config: Path, tmp_path: Path) -> None:
    finished = run(config, tmp_path / "out")
    assert finished.code == 0
    written = [framewire_line(frame) for frame in framewire.frames(config)]
    assert "\n".join(written) + "\n" == (tmp_path / "out" / "list.jsonl").read_text()


def framewire_line(frame: framewire.Frame) -> str:
    import msgspec

    return msgspec.json.encode(frame.to_dict()).decode()


def test_pictures_are_those_of_the_source_and_cannot_be_changed(config: Path) -> None:
    for frame in framewire.frames(config, at="capture", set={"capture.limit": 5}):
        picture = frame.picture
        assert picture is not None
        assert (picture == demo_frame(frame.seq)).all()
        assert not picture.flags.writeable
        assert (frame.pts, frame.time) == (pytest.approx(frame.seq / 30), None)


def test_workers_that_die_cost_the_loop_no_frame(config: Path) -> None:
    victims = {5: "capture#0", 15: "faces#0", 25: "tracks#0"}
    whole = [framewire_line(frame) for frame in framewire.frames(config)]
    got = []
    for frame in framewire.frames(config):
        got.append(framewire_line(frame))
        if frame.seq in victims:
            next(process for process in processes() if title(process).endswith(f" {victims[frame.seq]}")).kill()
    assert got == whole


def test_leaving_the_loop_ends_the_run(config: Path) -> None:
    for frame in framewire.frames(config, set={"capture.limit": 0, "capture.loops": 0}):
        if frame.seq == 5:
            break
    assert not processes()


def test_with_out_the_sinks_write_too(config: Path, tmp_path: Path) -> None:
    looped = framewire.frames(config, out=tmp_path / "out")
    seqs = [frame.seq for frame in looped]
    assert seqs == list(range(40))
    assert (tmp_path / "out" / "list.jsonl").read_text().count("\n") == 40
    assert looped.summary is not None
    assert looped.summary.frames.written == 40


def test_pictures_that_are_kept_are_refused_not_overwritten(config: Path) -> None:
    with pytest.raises(framewire.PictureInUseError, match=r"frame 0 of capture.*\.copy\(\)"):
        _ = [frame.picture for frame in framewire.frames(config, at="capture")]
    kept = []
    with pytest.raises(framewire.PictureInUseError, match="frame 0 of capture"):
        for frame in framewire.frames(config, at="capture"):
            # A view of a view counts, too.
            assert frame.picture is not None
            kept.append(frame.picture[10:20, 10:20].T)
    assert len(kept) == 2
    assert (kept[0] == demo_frame(0)[10:20, 10:20].T).all()
    copies = [frame.picture.copy() for frame in framewire.frames(config, at="capture") if frame.picture is not None]
    assert len(copies) == 40
    frames = list(framewire.frames(config, at="capture", set={"capture.limit": 5}))
    with pytest.raises(framewire.PicturePassedError, match="frame 0 of capture has passed"):
        _ = frames[0].picture


def test_the_picture_of_the_last_frame_outlives_the_loop(config: Path) -> None:
    picture = None
    for frame in framewire.frames(config, at="capture"):
        picture = frame.picture
        if frame.seq == 20:
            break
    assert picture is not None
    assert (picture == demo_frame(20)).all()


def test_failed_frames_come_without_a_picture(tmp_path: Path) -> None:
    (tmp_path / "odd.py").write_text(
        "from framewire import Stage, stage\n\n\n"
        "@stage('odd')\n"
        "class Odd(Stage):\n"
        "    def process(self, packet):\n"
        "        if packet.seq == 3:\n"
        "            raise ValueError('on purpose')\n"
        "        return packet.drop('even') if packet.seq % 2 == 0 else packet\n"
    )
    config = tmp_path / "odd.yaml"
    config.write_text(
        "name: looped\nmax_failed: 1\nstages:\n  capture: {source: demo, limit: 6}\n"
        "  odd: {use: 'odd:Odd', input: capture}\n  list: {use: jsonl_writer, input: odd}\n"
    )
    found = [(frame.seq, frame.outcome, frame.reason, frame.picture is None) for frame in framewire.frames(config)]
    assert found == [
        (0, "dropped", "even", True),
        (1, "ok", "", False),
        (2, "dropped", "even", True),
        (3, "failed", "ValueError", True),
        (4, "dropped", "even", True),
        (5, "ok", "", False),
    ]


def test_what_cannot_run_is_raised(config: Path, tmp_path: Path) -> None:
    with pytest.raises(framewire.ConfigError, match=r"nowhere\.yaml: no such file"):
        next(framewire.frames("nowhere.yaml"))
    with pytest.raises(framewire.ConfigError, match="there is no such stage; choose from capture, faces, tracks"):
        next(framewire.frames(config, at="list"))
    with pytest.raises(framewire.ConfigError, match="limit: 'many' is not a whole number"):
        framewire.run(config, set={"capture.limit": "many"})
    with pytest.raises(framewire.RunError, match=r"no such file: nowhere\.mp4") as caught:
        framewire.run(config, source="nowhere.mp4", out=tmp_path / "out")
    assert caught.value.summary is not None
    with pytest.raises(framewire.RunError, match=r"no such file: nowhere\.mp4"):
        next(framewire.frames(config, source="nowhere.mp4"))


def test_run_returns_the_summary(config: Path, tmp_path: Path) -> None:
    summary = framewire.run(config, set={"capture.limit": 20}, out=tmp_path / "out")
    assert (summary.frames.admitted, summary.frames.written) == (20, 20)
    assert (tmp_path / "out" / "list.jsonl").read_text().count("\n") == 20


def test_several_at_once_in_threads(config: Path, tmp_path: Path) -> None:
    found: dict[int, int] = {}

    def loop(number: int) -> None:
        found[number] = sum(1 for _ in framewire.frames(config, set={"capture.limit": 10 + number}))

    threads = [threading.Thread(target=loop, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    summary = framewire.run(config, out=tmp_path / "out", set={"capture.limit": 15})
    for thread in threads:
        thread.join()
    assert found == {0: 10, 1: 11, 2: 12}
    assert summary.frames.written == 15


def test_asyncio_goes_on_meanwhile(config: Path) -> None:
    async def loop() -> tuple[int, int]:
        ticks, frames = 0, 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0)

        ticking = asyncio.create_task(tick())
        async for _ in framewire.frames(config, set={"capture.limit": 10}):
            frames += 1
        ticking.cancel()
        return ticks, frames

    ticks, frames = asyncio.run(loop())
    assert frames == 10
    assert ticks > 10


SCRIPT = """
import framewire, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # A shell's background jobs ignore it.
for turn in range(2):
    try:
        for frame in framewire.frames(sys.argv[1], set={"capture.limit": 0, "capture.loops": 0}):
            print(frame.seq, flush=True)
            if turn and frame.seq == 10:
                break
    except KeyboardInterrupt:
        print("interrupted", flush=True)
print("end", flush=True)
signal.pause()
"""


def test_a_loop_that_is_interrupted_leaves_nothing_and_the_next_runs(config: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", SCRIPT, str(config)], stdout=subprocess.PIPE, cwd=ROOT) as program:
        assert program.stdout is not None
        try:
            while program.stdout.readline() != b"5\n":
                pass
            program.send_signal(signal.SIGINT)
            said: list[bytes] = []
            while not said or said[-1] != b"end\n":
                said.append(program.stdout.readline())
            assert said.count(b"interrupted\n") == 1
            assert said[-2] == b"10\n"
            assert not processes()
        finally:
            program.kill()


def test_a_program_that_is_killed_takes_the_run_with_it(config: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", SCRIPT, str(config)], stdout=subprocess.PIPE, cwd=ROOT) as program:
        assert program.stdout is not None
        with contextlib.suppress(ValueError):
            while program.stdout.readline() != b"5\n":
                pass
        assert processes()
        program.kill()
    wait_until(lambda: not processes(), "the end of the run")


def test_numbers_of_numpy_and_words_that_yaml_bends_are_taken_as_they_are(config: Path, tmp_path: Path) -> None:
    summary = framewire.run(config, set={"capture.limit": np.int64(3).item(), "list.path": "007"}, out=tmp_path / "out")
    assert summary.frames.written == 3
    assert (tmp_path / "out" / "007").exists()


def test_a_graph_made_in_code_runs(tmp_path: Path) -> None:
    graph = framewire.Graph("looped", window=8)
    capture = graph.add("capture", source="demo", limit=10)
    faces = graph.add("face_detect", input=capture, width=320)
    graph.add("jsonl_writer", input=faces, path="list.jsonl")
    assert framewire.run(graph, out=tmp_path).frames.written == 10
    assert [frame.seq for frame in framewire.frames(graph)] == list(range(10))
    graph.add("annotate", input=faces, txt_px=3)
    with pytest.raises(framewire.ConfigError, match=r"^<graph>:\d+:\d+: stage 'annotate' has no option 'txt_px'"):
        framewire.run(graph, out=tmp_path)


def pictures(count: int) -> list[np.ndarray]:
    return [np.full((48, 64, 3), number % 256, np.uint8) for number in range(count)]


def filled(feed: framewire.Feed, count: int) -> threading.Thread:
    def fill() -> None:
        with feed:
            for number, picture in enumerate(pictures(count)):
                feed.put(picture, time=number / 10)

    thread = threading.Thread(target=fill)
    thread.start()
    return thread


def test_frames_of_ones_own_come_through_whole_and_in_order(config: Path) -> None:
    feed = framewire.Feed()
    thread = filled(feed, 60)
    found = []
    for frame in framewire.frames(config, source=feed, at="capture"):
        assert frame.picture is not None
        found.append((frame.seq, round(frame.pts, 6), int(frame.picture[0, 0, 0])))
        assert (frame.picture == frame.seq).all()
    thread.join()
    assert found == [(number, number / 10, number) for number in range(60)]


def test_a_feed_runs_into_files(config: Path, tmp_path: Path) -> None:
    feed = framewire.Feed()
    thread = filled(feed, 30)
    summary = framewire.run(config, source=feed, out=tmp_path / "out")
    thread.join()
    assert summary.frames.written == 30
    assert (tmp_path / "out" / "list.jsonl").read_text().count("\n") == 30


def test_a_feed_that_drops_never_waits_and_counts(config: Path) -> None:
    feed = framewire.Feed(drop=True)
    began = datetime.now(UTC)
    loop = framewire.frames(config, source=feed, at="capture")

    def fill() -> None:
        for number in range(2000):
            feed.put(pictures(1)[0], time=began + timedelta(milliseconds=number))
        feed.end()

    thread = threading.Thread(target=fill)
    thread.start()
    times = [frame.time for frame in loop]
    thread.join()
    assert times == sorted(times)  # type: ignore[type-var]
    assert loop.summary is not None
    stream = loop.summary.streams["capture"]
    assert stream.frames.written + sum(stream.skipped.values()) == 2000


def test_who_feeds_a_loop_that_was_left_is_told(config: Path) -> None:
    feed = framewire.Feed()

    def fill() -> None:
        with contextlib.suppress(framewire.FeedEndedError):
            while True:
                feed.put(pictures(1)[0])

    thread = threading.Thread(target=fill)
    thread.start()
    for frame in framewire.frames(config, source=feed, at="capture"):
        if frame.seq == 5:
            break
    thread.join(30)
    assert not thread.is_alive()
    with pytest.raises(framewire.FeedEndedError):
        feed.put(pictures(1)[0])


@pytest.mark.parametrize(
    ("picture", "error"),
    [
        (np.zeros((4, 4, 3), np.float32), "not a float32 array"),
        ([[0]], "not a list"),
        (np.zeros((4, 4, 4), np.uint8), r"not \(4, 4, 4\)"),
        (np.zeros((0, 4, 3), np.uint8), r"not \(0, 4, 3\)"),
    ],
)
def test_what_is_no_picture_is_refused(picture: Any, error: str) -> None:
    with pytest.raises((TypeError, ValueError), match=error):
        framewire.Feed().put(picture)
    with pytest.raises(ValueError, match="has no time zone"):
        framewire.Feed().put(pictures(1)[0], time=datetime(2026, 1, 1))


def test_stages_in_this_process_say_what_a_run_says(config: Path) -> None:
    def boxes(frame: framewire.Frame) -> list[tuple[float, ...]]:
        return sorted(tuple(map(float, found.box)) for found in frame.detections)

    # What OpenCV finds depends a little on its threads, of which each stage of a run has one.
    cv2.setNumThreads(1)
    whole = [boxes(frame) for frame in framewire.frames(config, set={"capture.limit": 5})]
    with framewire.load_graph(config) as look:
        for number in range(5):
            frame = look(demo_frame(number))
            assert boxes(frame) == whole[number]
            assert number < 4 or any(found.track for found in frame.detections)
            assert frame.picture is not None
            assert (frame.picture == demo_frame(number)).all()
    with framewire.load("face_detect", width=320) as detector:
        assert sorted(tuple(map(float, found.box)) for found in detector(demo_frame(0))) == whole[0]


def test_rows_are_flat_and_of_what_tables_take(config: Path) -> None:
    found = [row for frame in framewire.frames(config, set={"capture.limit": 3}) for row in frame.rows()]
    assert {"stream", "seq", "pts", "label", "x", "y", "width", "height", "track"} <= set(found[0])
    assert {row["seq"] for row in found} == {0, 1, 2}
    assert all(not isinstance(value, dict | list | tuple) for row in found for value in row.values())


def test_a_loop_that_is_left_before_it_has_begun_leaves_nothing(config: Path) -> None:
    loop = framewire.frames(config, set={"capture.loops": 0})
    with ThreadPoolExecutor() as pool:
        first = pool.submit(next, loop, None)
        wait_until(lambda: bool(processes()), "the run")
        loop.close()
        got = first.result(30)
    # A frame may have come in time.
    assert got is None or isinstance(got, framewire.Frame)
