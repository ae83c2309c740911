"""However a run ends: no process, no socket, nothing in shared memory, no unfinished file where it could finish."""

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from framewire.pipeline.processes.signals import is_running
from framewire.pipeline.supervisor.ending import TOGETHER_S
from framewire.pipeline.unfinished import FOLDER
from tests.system.pictures import pictures_in
from tests.system.running import PIPELINES, Finished, Running, framewire, lines_in, run, title, wait_until


def processes_of(pipeline: str) -> list[str]:
    return [title(process) for process in psutil.process_iter() if title(process).startswith(f"framewire {pipeline} ")]


def sockets_of(pipeline: str) -> list[str]:
    return [line for line in Path("/proc/net/unix").read_text().splitlines() if f"@framewire/{pipeline}/" in line]


def shared_memory() -> list[str]:
    return sorted(os.listdir("/dev/shm"))  # noqa: PTH208


MANY_FRAMES = ("--set", "source.count=1000000")


@pytest.fixture
def memory_before() -> Iterator[list[str]]:
    yield shared_memory()


def assert_nothing_left(pipeline: str, memory_before: list[str]) -> None:
    wait_until(lambda: not processes_of(pipeline), "the end of all processes", 10)
    wait_until(lambda: not sockets_of(pipeline), "the end of all sockets", 10)
    assert shared_memory() == memory_before


def started(out: Path, frames: int = 100, *arguments: str) -> Running:
    running = Running(PIPELINES / "endless.yaml", out, *arguments)
    wait_until(lambda: lines_in(out / "endless.jsonl") > frames, "the first frames")
    return running


def test_after_success(tmp_path: Path, memory_before: list[str]) -> None:
    assert run(PIPELINES / "short.yaml", tmp_path).code == 0
    assert_nothing_left("short", memory_before)
    assert lines_in(tmp_path / "short.jsonl") == 200


def test_after_failure(tmp_path: Path, memory_before: list[str]) -> None:
    finished = run(PIPELINES / "broken-open.yaml", tmp_path)
    assert finished.code == 1
    assert finished.stderr.strip().splitlines()[-1] == "error: broken: the lamp is not lit; light it"
    assert_nothing_left("brokenopen", memory_before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "term"])
def test_a_first_signal_drains(number: int, tmp_path: Path, memory_before: list[str]) -> None:
    running = started(tmp_path)
    # Ctrl-C in a terminal goes to the whole group.
    os.killpg(running.process.pid, number)
    finished = running.finish()
    assert finished.code == 130
    assert finished.summary is not None
    frames = finished.summary.frames
    assert frames.admitted == frames.written > 100
    assert frames.in_flight == 0
    seqs = [json.loads(line)["seq"] for line in (tmp_path / "endless.jsonl").read_text().splitlines()]
    assert seqs == list(range(frames.written))
    assert pictures_in(tmp_path / "endless.mp4") == frames.written
    # The engine's own folder, with its lock, stays.
    assert [path.name for path in tmp_path.glob(".*")] == [FOLDER]
    assert_nothing_left("endless", memory_before)


def test_a_second_ctrl_c_stops_at_once(tmp_path: Path, memory_before: list[str]) -> None:
    running = Running(PIPELINES / "stuck.yaml", tmp_path)
    wait_until(lambda: lines_in(tmp_path / "stuck.jsonl") == 10, "the frames before the one that is stuck")
    os.killpg(running.process.pid, signal.SIGINT)
    wait_until(lambda: "SIGINT" in running.stderr(), "the answer to the first Ctrl-C")
    assert running.process.poll() is None
    again_at = time.monotonic() + 2 * TOGETHER_S
    wait_until(lambda: time.monotonic() > again_at, "the second Ctrl-C, which is none with the first")
    os.killpg(running.process.pid, signal.SIGINT)
    finished = running.finish(3)
    assert finished.code == 130
    assert finished.summary is not None
    assert finished.summary.frames.written == 10
    assert_nothing_left("stuck", memory_before)
    # It had not come to its end: the frames that were in flight can still be had.
    assert "this run can be resumed with --resume" in finished.stderr
    again = Running(PIPELINES / "stuck.yaml", tmp_path, "--resume")
    wait_until(lambda: "behind 10 frames" in again.stderr(), "the run that goes on")
    again.process.kill()
    again.finish()


def test_signals_at_once_are_one(tmp_path: Path, memory_before: list[str]) -> None:
    """As `timeout` sends them: to its child, and to the child's group."""
    running = started(tmp_path)
    running.process.terminate()
    os.killpg(running.process.pid, signal.SIGTERM)
    finished = running.finish()
    assert finished.code == 130
    assert finished.summary is not None
    assert finished.summary.frames.in_flight == 0
    assert pictures_in(tmp_path / "endless.mp4") == finished.summary.frames.written
    assert_nothing_left("endless", memory_before)


def test_a_signal_may_come_at_any_moment(tmp_path: Path) -> None:
    """Thousands of messages a second: it interrupts one as often as not."""
    runs = [Running(PIPELINES / "short.yaml", tmp_path / str(number), *MANY_FRAMES) for number in range(6)]
    try:
        for number, running in enumerate(runs):
            path = tmp_path / str(number) / "short.jsonl"
            wait_until(lambda: lines_in(path) > 500, "the first frames")  # noqa: B023
            running.process.terminate()
        for running in runs:
            assert running.finish(20.0).code == 130
    finally:
        for running in runs:
            running.process.kill()


def test_one_signal_ends_a_run_in_time_whatever_a_stage_is_doing(tmp_path: Path, memory_before: list[str]) -> None:
    """Its files are whole, with all that came through, and it goes on from there."""
    running = Running(PIPELINES / "stuck_film.yaml", tmp_path)
    wait_until(lambda: lines_in(tmp_path / "stuck.jsonl") == 10, "the frames before the one that is stuck")
    running.process.terminate()
    finished = running.finish(6.0)
    assert finished.code == 130
    assert "frames are still in flight; closing without them" in finished.stderr
    assert "stuck#0 does not close; killing it" in finished.stderr
    assert "died while closing its files" not in finished.stderr
    assert lines_in(tmp_path / "stuck.jsonl") == 10
    assert pictures_in(tmp_path / "stuck.mp4") == 10
    assert "this run can be resumed with --resume" in finished.stderr
    assert_nothing_left("stuckfilm", memory_before)


def stopped_with_a_film(tmp_path: Path, hangs: str, signals: int) -> Finished:
    """A run that is told to stop while one of its workers does not answer."""
    running = started(tmp_path)
    running.worker(hangs).suspend()
    for _ in range(signals):
        again_at = time.monotonic() + 2 * TOGETHER_S
        running.process.send_signal(signal.SIGINT)
        wait_until(lambda: time.monotonic() > again_at, "a signal of its own")  # noqa: B023
    return running.finish(10.0)


@pytest.mark.parametrize(
    ("hangs", "signals"), [("video#0", 1), ("source#0", 2)], ids=["a sink cannot close", "stopped at once"]
)
def test_a_film_that_could_not_be_finished_has_its_name(
    hangs: str, signals: int, tmp_path: Path, memory_before: list[str]
) -> None:
    film = tmp_path / "endless.mp4"
    finished = stopped_with_a_film(tmp_path, hangs, signals)
    assert finished.code == 130
    assert f"video: {film} is as it was when the run stopped" in finished.stderr
    assert finished.summary is not None
    written = finished.summary.frames.written
    assert pictures_in(film) >= written > 0
    assert not (tmp_path / ".endless.mp4.part").exists()
    assert_nothing_left("endless", memory_before)
    recovered = framewire("recover", str(tmp_path))
    assert f"{film} (" in recovered.stdout
    assert f"{tmp_path / 'endless.jsonl'} (" in recovered.stdout
    assert pictures_in(film) >= written
    assert sorted(path.name for path in tmp_path.glob("*endless*")) == ["endless.jsonl", "endless.mp4"]


def test_a_film_that_has_its_name_already_grows_again_when_the_run_goes_on(tmp_path: Path) -> None:
    (tmp_path / "endless.mp4").write_bytes(b"somebody's")
    finished = stopped_with_a_film(tmp_path, "source#0", 2)
    film = tmp_path / "endless-1.mp4"
    assert f"{film} is as it was when the run stopped" in finished.stderr
    assert pictures_in(film) > 0
    assert (tmp_path / "endless.mp4").read_bytes() == b"somebody's"
    running = Running(PIPELINES / "endless.yaml", tmp_path, "--resume")
    lines = lines_in(tmp_path / "endless.jsonl")
    wait_until(lambda: lines_in(tmp_path / "endless.jsonl") > lines + 50, "more lines")
    running.process.send_signal(signal.SIGINT)
    finished = running.finish()
    assert finished.summary is not None
    assert not film.exists()
    assert pictures_in(tmp_path / "endless.mp4") == finished.summary.frames.written


def test_the_supervisor_is_killed(tmp_path: Path, memory_before: list[str]) -> None:
    running = started(tmp_path)
    running.process.kill()
    assert running.finish().code == -signal.SIGKILL
    assert_nothing_left("endless", memory_before)


def test_the_nursery_is_killed(tmp_path: Path, memory_before: list[str]) -> None:
    """A new one takes its place, though the supervisor has threads by now; that one is killed, too."""
    count = ("--set", "source.count=3000")
    running = started(tmp_path, 100, *count)
    for _ in range(2):
        nursery = running.nursery()
        workers = {process.pid for process in running.processes() if "#" in title(process)}
        assert len(workers) == 5
        nursery.kill()
        wait_until(lambda: not any(map(is_running, workers)), "the end of the workers")  # noqa: B023
        lines = lines_in(tmp_path / "endless.jsonl")
        wait_until(lambda: lines_in(tmp_path / "endless.jsonl") > lines, "more lines")  # noqa: B023
    finished = running.finish()
    assert finished.code == 0, finished.stderr
    assert finished.stderr.count("the process that starts the workers has died (killed by SIGKILL)") == 2
    assert lines_in(tmp_path / "endless.jsonl") == 3000
    assert pictures_in(tmp_path / "endless.mp4") == 3000
    assert finished.summary is not None
    assert finished.summary.frames.written == 3000
    assert_nothing_left("endless", memory_before)


def test_a_nursery_that_always_dies_ends_the_run(tmp_path: Path, memory_before: list[str]) -> None:
    """It goes on as if nothing had happened."""
    config = tmp_path / "endless.yaml"
    config.write_text((PIPELINES / "endless.yaml").read_text() + "restarts: {limit: 0}\n")
    running = Running(config, tmp_path, "--set", "source.count=1000", cwd=PIPELINES)
    wait_until(lambda: lines_in(tmp_path / "endless.jsonl") > 100, "lines")
    running.nursery().kill()
    finished = running.finish()
    assert finished.code == 1
    assert "the process that starts the workers has died 1 times within 60 s" in finished.stderr
    assert "this run can be resumed with --resume" in finished.stderr
    assert_nothing_left("endless", memory_before)
    again = Running(config, tmp_path, "--set", "source.count=1000", "--resume", cwd=PIPELINES)
    assert again.finish().code == 0
    assert lines_in(tmp_path / "endless.jsonl") == 1000
    assert pictures_in(tmp_path / "endless.mp4") == 1000


def test_what_a_killed_run_had_written_can_be_played(tmp_path: Path) -> None:
    running = started(tmp_path, 200)
    running.process.kill()
    running.finish()
    assert pictures_in(tmp_path / ".endless.mp4.part") >= 200 - 32


def test_a_run_after_a_killed_one_starts_anew_and_keeps_what_that_wrote(tmp_path: Path) -> None:
    running = started(tmp_path)
    running.process.kill()
    running.finish()
    finished = framewire("run", str(PIPELINES / "endless.yaml"), "--out", str(tmp_path), "--set", "source.count=40")
    assert finished.code == 0, finished.stderr
    assert lines_in(tmp_path / "endless.jsonl") == 40
    assert pictures_in(tmp_path / "endless.mp4") == 40
    assert lines_in(tmp_path / "endless-1.jsonl") >= 100
    assert pictures_in(tmp_path / "endless-1.mp4") >= 100 - 32


def test_processes_say_who_they_are(tmp_path: Path) -> None:
    running = started(tmp_path)
    names = sorted(title(process) for process in running.processes())
    running.process.kill()
    running.finish()
    assert names == [
        "framewire endless metadata#0",
        "framewire endless nursery",
        "framewire endless read#0",
        "framewire endless read#1",
        "framewire endless source#0",
        "framewire endless video#0",
    ]
