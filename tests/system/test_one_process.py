"""Several streams from one process: each is complete, in order, and separate, even if it dies."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from tests.system.running import PIPELINES, Running, lines_in, wait_until

COUNTS = {"left": 150, "middle": 90, "right": 150, "alone": 60}


@pytest.mark.parametrize("victim", ["", "left+middle+right#0", "read#0", "list#0"])
def test_streams_of_one_process_are_whole(victim: str, tmp_path: Path) -> None:
    running = Running(PIPELINES / "one_process.yaml", tmp_path)
    if victim:
        wait_until(lambda: lines_in(tmp_path / "one.jsonl") >= 100, "a hundred lines")
        running.worker(victim).kill()
    finished = running.finish()
    assert finished.code == 0, finished.stderr
    streams: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in (tmp_path / "one.jsonl").read_text().splitlines():
        frame = json.loads(line)
        streams[frame["stream"]].append(frame)
    assert {name: [frame["seq"] for frame in frames] for name, frames in streams.items()} == {
        name: list(range(count)) for name, count in COUNTS.items()
    }
    for frames in streams.values():
        assert all(frame["outcome"] == "ok" for frame in frames)
        assert [frame["detections"] for frame in frames] == [
            one["detections"] for one in streams["left"][: len(frames)]
        ]


def test_none_of_them_waits_until_another_has_ended(tmp_path: Path) -> None:
    assert Running(PIPELINES / "one_process.yaml", tmp_path).finish().code == 0
    order = [json.loads(line)["stream"] for line in (tmp_path / "one.jsonl").read_text().splitlines()]
    first = {name: order.index(name) for name in COUNTS}
    last = {name: len(order) - order[::-1].index(name) for name in COUNTS}
    assert max(first[name] for name in ("left", "middle", "right")) < min(last.values())
