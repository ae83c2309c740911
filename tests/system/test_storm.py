"""Random workers of a graph with several sources are killed, some at once: each stream's file comes out the same.

FRAMEWIRE_STORM sets how many kills: a few in CI, a thousand by hand. FRAMEWIRE_STORM_SEED sets which.
"""

import os
import random
from pathlib import Path

import psutil

from tests.system.running import PIPELINES, Running, lines_in, run, title, wait_until

STORM = PIPELINES / "storm.yaml"
STREAMS = ("left", "middle", "right", "alone")
KILLS = int(os.environ.get("FRAMEWIRE_STORM", "24"))
SEED = int(os.environ.get("FRAMEWIRE_STORM_SEED", "1"))
AT_ONCE_MAX = 4
"""Kills at one moment."""
SPREAD = 40
"""Frames between two such moments, at most."""


def lines(out: Path) -> int:
    return sum(lines_in(out / f"{stream}.jsonl") for stream in STREAMS)


def workers(running: Running) -> list[psutil.Process]:
    return [process for process in running.processes() if "#" in title(process)]


def test_every_stream_is_whole_whoever_is_killed(tmp_path: Path) -> None:
    counts = [part for stream in STREAMS for part in ("--set", f"{stream}.count={1500 + 20 * KILLS}")]
    assert run(STORM, tmp_path / "calm", *counts).code == 0
    rng = random.Random(SEED)
    out = tmp_path / "storm"
    running = Running(STORM, out, *counts)
    killed = 0
    while killed < KILLS and running.process.poll() is None:
        wanted = lines(out) + rng.randrange(1, SPREAD)
        wait_until(lambda wanted=wanted: lines(out) >= wanted or running.process.poll() is not None, "some frames")  # type: ignore[misc]
        alive = workers(running)
        for victim in rng.sample(alive, k=min(rng.randint(1, AT_ONCE_MAX), len(alive))):
            try:
                victim.kill()
            except psutil.NoSuchProcess:
                continue
            killed += 1
    finished = running.finish()
    assert finished.code == 0, finished.stderr
    assert finished.summary is not None
    assert killed >= KILLS
    for stream in STREAMS:
        assert (out / f"{stream}.jsonl").read_bytes() == (tmp_path / "calm" / f"{stream}.jsonl").read_bytes(), stream
