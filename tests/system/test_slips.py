"""A stage author's slip costs one frame, or ends the run in words; nothing hangs."""

import json
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from framewire.pipeline.processes.signals import is_running
from tests.system.pipelines.slips import DESCRIBED, GIVEN, RAISED, SHOT
from tests.system.running import PIPELINES, Finished, Running, framewire, lines_in, run, wait_until
from tests.system.served import served

SLIP = PIPELINES / "slip.yaml"
ODD_SOURCE = PIPELINES / "odd_source.yaml"
FRAMES = 60


def with_stage(out: Path, name: str, *arguments: str) -> Finished:
    return run(SLIP, out, "--set", f"odd.use=slips:{name}", *arguments)


def assert_one_frame_failed(finished: Finished, reason: str, out: Path) -> None:
    assert finished.code == 0, finished.stderr
    assert finished.summary is not None
    assert finished.summary.frames.failed == {reason: 1}
    assert finished.summary.frames.written == FRAMES - 1
    assert not [stage for stage in finished.summary.stages.values() if stage.restarts]
    assert lines_in(out / "slip.jsonl") == FRAMES


@pytest.mark.parametrize("what", sorted(RAISED))
def test_whatever_it_raises_fails_the_frame(what: str, tmp_path: Path) -> None:
    assert_one_frame_failed(run(SLIP, tmp_path, "--set", f"odd.what={what}"), f"odd:{what}", tmp_path)


@pytest.mark.parametrize("what", sorted(GIVEN))
def test_what_cannot_be_taken_fails_the_frame_with_the_fields_name(what: str, tmp_path: Path) -> None:
    finished = run(SLIP, tmp_path, "--set", f"odd.what={what}")
    assert_one_frame_failed(finished, "odd:InvalidAnswerError", tmp_path)
    assert "odd: frame 5 of source failed: InvalidAnswerError: detections[0]." in finished.stderr


def test_numpys_numbers_are_taken(tmp_path: Path) -> None:
    finished = run(SLIP, tmp_path)
    assert finished.code == 0, finished.stderr
    first = json.loads((tmp_path / "slip.jsonl").read_text().splitlines()[0])["detections"][0]
    assert (first["box"], first["score"], first["track"], len(first["landmarks"])) == ([1, 2, 3, 4], 0.5, 3, 5)


def test_more_than_a_message_takes_fails_the_frame(tmp_path: Path) -> None:
    finished = run(SLIP, tmp_path, "--set", "odd.what=too large")
    assert_one_frame_failed(finished, "odd:too_large", tmp_path)


@pytest.mark.parametrize("what", sorted(RAISED))
def test_in_open_it_ends_the_run(what: str, tmp_path: Path) -> None:
    finished = with_stage(tmp_path, "SlipInOpen", "--set", f"odd.what={what}")
    assert finished.code == 1
    assert finished.stderr.splitlines()[-1].startswith(f"error: odd: {what}")


def test_a_memory_that_is_none_ends_the_run(tmp_path: Path) -> None:
    finished = with_stage(tmp_path, "BadMemory")
    assert finished.code == 1
    assert "error: odd: forgets_its_memory.memory must return bytes, not str" in finished.stderr


def test_a_source_may_give_numpys_numbers(tmp_path: Path) -> None:
    finished = run(ODD_SOURCE, tmp_path)
    assert finished.code == 0, finished.stderr
    assert finished.summary is not None
    assert finished.summary.frames.written == FRAMES
    assert finished.summary.streams["source"].damaged == FRAMES


@pytest.mark.parametrize("what", [*DESCRIBED, *SHOT, "stream", "cut_short"])
def test_what_a_source_cannot_say_ends_the_run_in_words(what: str, tmp_path: Path) -> None:
    finished = run(ODD_SOURCE, tmp_path, "--set", f"source.what={what}")
    assert finished.code == 1
    assert finished.stderr.splitlines()[-1].startswith("error: source: ")
    assert what.replace("cut_short", "CutShort") in finished.stderr
    assert "unexpected" not in finished.stderr


def test_what_a_stage_says_of_itself_may_be_anything(tmp_path: Path) -> None:
    finished = with_stage(tmp_path, "OddWords")
    assert finished.code == 0, finished.stderr
    assert finished.summary is not None
    assert finished.summary.stages["odd"].facts == {"3": "5"}
    assert "a lone surrogate: \\ud800" in finished.stderr
    finished = with_stage(tmp_path, "OddWords", "--set", "odd.what=error")
    assert finished.code == 1
    assert finished.stderr.splitlines()[-1] == "error: odd: a lone surrogate: \\ud800"


def test_a_change_of_directory_moves_nobodys_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also of stages in the same process, with a relative --out."""
    monkeypatch.chdir(tmp_path)
    running = Running(
        SLIP,
        Path("out"),
        *("--set", "odd.use=slips:Wanderer", "--set", "odd.process=one", "--set", "list.process=one"),
        cwd=tmp_path,
    )
    finished = running.finish()
    assert finished.code == 0, finished.stderr
    assert lines_in(tmp_path / "out" / "slip.jsonl") == FRAMES


@pytest.mark.parametrize("ends", ["by itself", "worker killed", "supervisor killed", "nursery killed"])
def test_what_a_stage_has_started_ends_with_its_worker(ends: str, tmp_path: Path) -> None:
    told = tmp_path / "told"
    count = 60 if ends == "by itself" else 10**6
    running = Running(
        SLIP,
        tmp_path,
        *("--set", "odd.use=slips:Parent", "--set", f"odd.told={told}", "--set", f"source.count={count}"),
    )
    wait_until(lambda: lines_in(tmp_path / "slip.jsonl") > 10 or running.process.poll() is not None, "some lines")
    first = int(told.read_text().split()[0])
    if ends == "supervisor killed":
        running.process.kill()
    elif ends != "by itself":
        victim = running.worker("odd#0") if ends == "worker killed" else running.nursery()
        victim.kill()
        wait_until(lambda: lines_in(told) > 1, "its successor")
        wait_until(lambda: not is_running(first), "the end of what the first had started")
        running.process.send_signal(signal.SIGTERM)
    running.finish()
    children = [int(pid) for pid in told.read_text().split()]
    wait_until(lambda: not any(map(is_running, children)), "the end of what it had started")


@pytest.mark.parametrize(("holds", "restarts", "missing"), [(1, 0, {7}), (4, 3, set())])
def test_a_slip_in_a_sink_costs_one_frame(holds: int, restarts: int, missing: set[int], tmp_path: Path) -> None:
    """At once where it holds nothing back; else as a crash, after which the frame is set aside as failed."""
    finished = run(PIPELINES / "slip_sink.yaml", tmp_path, "--set", f"bad.holds={holds}")
    assert finished.code == 0, finished.stderr
    assert finished.summary is not None
    reason = "crashed" if restarts else "ValueError"
    assert finished.summary.frames.failed == {f"bad:{reason}": 1}
    assert finished.summary.frames.written == FRAMES - 1
    assert finished.summary.stages["bad"].restarts == restarts
    assert lines_in(tmp_path / "slip.jsonl") == FRAMES
    numbers = [int(number) for number in (tmp_path / "numbers.txt").read_text().split()]
    assert numbers == [number for number in range(FRAMES) if number not in missing]


STUCK = PIPELINES / "stuck.yaml"


def test_a_stage_that_never_comes_back_loses_its_frame(tmp_path: Path) -> None:
    """It is told, the run is not ready meanwhile, its worker is killed, and no frame but that one is lost."""
    with served(STUCK, tmp_path, "--set", "source.count=60", "--set", "stuck.stuck_after_s=9") as one:
        wait_until(lambda: "stuck has been on frame 10 of source for 3 s" in one.running.stderr(), "the first word")
        wait_until(lambda: b"stuck has been on frame 10 of" in one.get("/readyz").body, "the answer", 3)
        assert one.get("/readyz").status == 503
        with ThreadPoolExecutor() as both:
            asked = [both.submit(framewire, *command) for command in (("top", one.url, "--once"), ("explain", one.url))]
            table, told = (answer.result() for answer in asked)
        finished = one.running.finish()
    assert "stuck (limits)" in table.stdout
    assert "stuck has been on frame 10 of source for" in told.stdout
    assert "stuck has been on frame 10 of source for 6 s" in finished.stderr
    assert "stuck#0 has been on frame 10 of source for 9 s: killing it" in finished.stderr
    assert finished.code == 0, finished.stderr
    assert finished.summary is not None
    assert finished.summary.frames.failed == {"stuck:crashed": 1}
    assert finished.summary.stages["stuck"].restarts == 1
    assert lines_in(tmp_path / "stuck.jsonl") == FRAMES


def test_a_worker_that_somebody_has_stopped_is_replaced(tmp_path: Path) -> None:
    count = ("--set", "source.count=3000")
    limits = [
        part for stage in ("source", "read", "video", "metadata") for part in ("--set", f"{stage}.stuck_after_s=2")
    ]
    running = Running(PIPELINES / "endless.yaml", tmp_path, *count, *limits)
    wait_until(lambda: lines_in(tmp_path / "endless.jsonl") > 50, "some lines")
    running.worker("metadata#0").suspend()
    finished = running.finish()
    assert finished.code == 0, finished.stderr
    assert "metadata" in finished.stderr
    assert "killing it" in finished.stderr
    assert finished.summary is not None
    assert finished.summary.frames.written >= 2999
    assert lines_in(tmp_path / "endless.jsonl") == 3000
