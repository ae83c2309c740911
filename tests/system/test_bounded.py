"""Memory stays flat, however long the run and however slow a sink."""

from pathlib import Path

import psutil

from tests.system.running import PIPELINES, Running, wait_until

FRAMES = 10_000
GROWTH_BYTES = 8 * 2**20
"""What Python's allocator may add over a run; one lost picture in a hundred would be 69 MB."""


def memory_of(running: Running) -> int:
    """Bytes of all processes, shared pages counted once (PSS)."""
    total = 0
    for process in [*running.processes(), psutil.Process(running.process.pid)]:
        total += process.memory_full_info().pss
    return total


def test_memory_is_flat_with_a_slow_sink(tmp_path: Path) -> None:
    running = Running(PIPELINES / "bounded.yaml", tmp_path)
    path = tmp_path / "bounded.jsonl"

    def at_least(frames: int) -> bool:
        # At least 100 bytes a line: cheap to check while the pipeline runs.
        return path.exists() and path.stat().st_size >= 100 * frames

    wait_until(lambda: at_least(1_000), "the first tenth")
    early = memory_of(running)
    wait_until(lambda: at_least(9_000), "the last tenth", 200)
    late = memory_of(running)
    finished = running.finish(120)
    assert finished.code == 0, finished.stderr
    assert finished.summary is not None
    assert finished.summary.frames.written == FRAMES
    assert late < early + GROWTH_BYTES
