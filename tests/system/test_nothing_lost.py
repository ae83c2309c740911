"""Whichever worker is killed mid-run, the files hold every frame once, as if nothing had happened."""

import json
from pathlib import Path

import pytest

from tests.system.in_full import in_full
from tests.system.pictures import decoded
from tests.system.running import PIPELINES, Finished, Running, lines_in, run, wait_until

EVERYTHING = PIPELINES / "everything.yaml"
FRAMES = 72
VICTIMS = ["capture#0", "frontal#1", "numbered#0", "look#0", "drawn#0", "video#0", "avi#0", "metadata#0"]
IN_SHORT = ("capture#0", "frontal#1")
"""A source, a stage with replicas, a sink."""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("undisturbed")
    finished = run(EVERYTHING, out)
    assert finished.code == 0, finished.stderr
    assert lines_in(out / "everything.jsonl") == FRAMES
    assert len(decoded(out / "everything.mp4")) == FRAMES
    assert len(decoded(out / "everything.avi")) == FRAMES
    return out


def wait_for_lines(path: Path, count: int) -> None:
    wait_until(lambda: lines_in(path) >= count, f"line {count}")


def assert_same(out: Path, undisturbed: Path, finished: Finished) -> None:
    assert finished.code == 0, finished.stderr
    assert finished.summary is not None
    assert finished.summary.frames.admitted == FRAMES
    assert finished.summary.frames.written == FRAMES
    assert (out / "everything.jsonl").read_bytes() == (undisturbed / "everything.jsonl").read_bytes()
    assert decoded(out / "everything.mp4") == decoded(undisturbed / "everything.mp4")
    assert decoded(out / "everything.avi") == decoded(undisturbed / "everything.avi")
    left = sorted(path.name for path in out.iterdir() if path.is_file())
    assert left == ["everything.avi", "everything.jsonl", "everything.mp4", "stderr.txt", "stdout.txt", "summary.json"]


@pytest.mark.parametrize(
    "victim", [victim if victim in IN_SHORT else pytest.param(victim, marks=in_full) for victim in VICTIMS]
)
def test_a_worker_is_killed(victim: str, undisturbed: Path, tmp_path: Path) -> None:
    running = Running(EVERYTHING, tmp_path)
    wait_for_lines(tmp_path / "everything.jsonl", FRAMES // 3)
    running.worker(victim).kill()
    finished = running.finish()
    assert_same(tmp_path, undisturbed, finished)
    assert finished.summary is not None
    assert finished.summary.stages[victim.split("#")[0]].restarts == 1


def test_one_after_the_other_is_killed(undisturbed: Path, tmp_path: Path) -> None:
    running = Running(EVERYTHING, tmp_path)
    for number, victim in enumerate(VICTIMS):
        at_least = FRAMES * number // (2 * len(VICTIMS))
        wait_for_lines(tmp_path / "everything.jsonl", at_least)
        running.worker(victim).kill()
    finished = running.finish()
    assert_same(tmp_path, undisturbed, finished)
    assert finished.summary is not None
    assert sum(stage.restarts for stage in finished.summary.stages.values()) == len(VICTIMS)


def test_a_stage_that_keeps_its_memory_to_itself_loses_it_and_no_frame(undisturbed: Path, tmp_path: Path) -> None:
    running = Running(EVERYTHING, tmp_path, "--set", "numbered.use=odd_stages:ForgetfulTotal")
    wait_for_lines(tmp_path / "everything.jsonl", FRAMES // 3)
    running.worker("numbered#0").kill()
    finished = running.finish()
    assert finished.code == 0, finished.stderr

    def boxes(out: Path) -> list[tuple[int, list[dict[str, object]]]]:
        lines = [json.loads(line) for line in (out / "everything.jsonl").read_text().splitlines()]
        return [(line["seq"], [found for found in line["detections"] if found["label"] != "total"]) for line in lines]

    assert boxes(tmp_path) == boxes(undisturbed)


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["--set", "frontal.replicas=1", "--set", "look.replicas=1"], marks=in_full),
        pytest.param(["--set", "frontal.replicas=3", "--set", "look.replicas=1"], marks=in_full),
        pytest.param(
            ["--set", "frontal.replicas=1", "--set", "frontal.process=a", "--set", "numbered.process=a"], marks=in_full
        ),
        pytest.param(
            ["--set", "video.process=a", "--set", "avi.process=a", "--set", "metadata.process=a"], marks=in_full
        ),
        ["--set", "look.replicas=3"],
    ],
    ids=["one-replica", "three-replicas", "fused", "fused-sinks", "more-to-join"],
)
def test_the_layout_does_not_matter(arguments: list[str], undisturbed: Path, tmp_path: Path) -> None:
    assert_same(tmp_path, undisturbed, run(EVERYTHING, tmp_path, *arguments))


def test_joins_with_replicas_and_two_streams(tmp_path: Path) -> None:
    """Lines of different streams may interleave; within a stream everything is the same."""

    def files(out: Path) -> tuple[list[bytes], list[str], list[str]]:
        lines = sorted((out / "diamond.jsonl").read_bytes().splitlines())
        return lines, decoded(out / "left.mp4"), decoded(out / "right.mp4")

    config = PIPELINES / "diamond.yaml"
    assert run(config, tmp_path / "undisturbed").code == 0
    expected = files(tmp_path / "undisturbed")
    assert [len(part) for part in expected] == [2 * FRAMES, FRAMES, FRAMES]
    running = Running(config, tmp_path / "killed")
    for number, victim in enumerate(["b+bright#1", "ab#1", "left#0", "all#2", "video+metadata#0", "right#0"]):
        wait_for_lines(tmp_path / "killed" / "diamond.jsonl", 10 * number)
        running.worker(victim).kill()
    finished = running.finish()
    assert finished.code == 0, finished.stderr
    assert files(tmp_path / "killed") == expected
