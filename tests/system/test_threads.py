"""All workers together start no more threads than there are cores."""

from pathlib import Path

from framewire.pipeline.cores import threads_each, usable_cores
from tests.system.running import PIPELINES, run


def test_a_stage_knows_what_the_other_workers_leave(tmp_path: Path) -> None:
    finished = run(PIPELINES / "threads.yaml", tmp_path)
    assert finished.code == 0, finished.stderr
    assert finished.summary is not None
    assert finished.summary.stages["tell"].facts == {"threads": str(threads_each(usable_cores(), 6))}
