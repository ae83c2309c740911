import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framewire.pipeline.cores import threads_each, usable_cores

ALL = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("max 100000\n", ALL),
        ("50000 100000\n", 1),
        ("100000 100000\n", 1),
        (f"{ALL * 100000 + 1} 100000\n", ALL),
        ("", ALL),
        ("1 0\n", ALL),
    ],
)
def test_a_containers_share_of_the_cores(tmp_path: Path, text: str, expected: int) -> None:
    (tmp_path / "cpu.max").write_text(text)
    assert usable_cores(tmp_path) == expected


def test_without_a_container_it_is_what_the_scheduler_says(tmp_path: Path) -> None:
    assert usable_cores(tmp_path) == ALL


@given(st.integers(1, 512), st.integers(0, 512))
def test_all_workers_threads_together_are_no_more_than_the_cores(cores: int, workers: int) -> None:
    each = threads_each(cores, workers)
    assert each == 1 or each * workers <= cores
