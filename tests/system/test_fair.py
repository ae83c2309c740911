"""Streams share a slow stage: none waits until another has ended."""

import json
from itertools import groupby
from pathlib import Path

from tests.system.running import PIPELINES, run

WINDOW = 16


def test_two_streams_take_turns_at_a_slow_stage(tmp_path: Path) -> None:
    finished = run(PIPELINES / "fair.yaml", tmp_path, "--set", "list.path=fair.jsonl")
    assert finished.code == 0, finished.stderr
    streams = [json.loads(line)["stream"] for line in (tmp_path / "fair.jsonl").read_text().splitlines()]
    both = streams[: 2 * min(max(where) for where in places(streams).values())]
    longest = max(len(list(turn)) for _, turn in groupby(both))
    # A source's whole window may come at once, plus what it sends while that is processed.
    assert longest <= 3 * WINDOW, longest


def places(streams: list[str]) -> dict[str, list[int]]:
    return {name: [at for at, stream in enumerate(streams) if stream == name] for name in set(streams)}
