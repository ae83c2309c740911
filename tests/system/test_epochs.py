"""A death affects the sources whose frames pass through the dead worker; the others continue undisturbed."""

import json
import os
from pathlib import Path

import pytest

from tests.system.running import PIPELINES, Running, lines_in, wait_until

APART = PIPELINES / "apart.yaml"
FRAMES = 2000


def numbers_in(path: Path) -> list[int]:
    return [json.loads(line)["seq"] for line in path.read_text().splitlines()]


@pytest.mark.parametrize(
    ("victim", "concerned"),
    [
        ("read_left#1", {"left"}),
        ("right#0", {"right"}),
        ("other#0", {"right"}),
        ("list#0", {"left", "middle"}),
    ],
)
def test_only_what_passes_through_the_dead_is_sent_again(victim: str, concerned: set[str], tmp_path: Path) -> None:
    running = Running(APART, tmp_path)
    for stream in ("left", "middle", "right"):
        wait_until(lambda stream=stream: lines_in(tmp_path / f"{stream}.jsonl") > 100, f"frames of {stream}")  # type: ignore[misc]
    running.worker(victim).kill()
    finished = running.finish()
    assert finished.code == 0, finished.stderr
    assert finished.summary is not None
    assert finished.summary.restarts == 1
    again = {name for name, stream in finished.summary.streams.items() if stream.resent}
    # A source that was killed itself has nothing left to send again: it remakes its frames.
    assert again <= concerned
    assert again or victim == "right#0"
    for stream in ("left", "middle", "right"):
        assert numbers_in(tmp_path / f"{stream}.jsonl") == list(range(FRAMES))


def test_a_worker_that_is_slow_to_open_holds_up_only_what_passes_through_it(tmp_path: Path) -> None:
    fifo = tmp_path / "door"
    os.mkfifo(fifo)
    running = Running(APART, tmp_path, "--set", "read_middle.use=odd_stages:Door", "--set", f"read_middle.fifo={fifo}")
    for stream in ("left", "right"):
        wait_until(lambda stream=stream: lines_in(tmp_path / f"{stream}.jsonl") == FRAMES, f"all of {stream}")  # type: ignore[misc]
    assert lines_in(tmp_path / "middle.jsonl") == 0
    with fifo.open("w"):
        finished = running.finish()
    assert finished.code == 0, finished.stderr
    assert numbers_in(tmp_path / "middle.jsonl") == list(range(FRAMES))
