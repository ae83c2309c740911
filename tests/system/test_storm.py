"""The storm in short: some kills, whole runs among them. `python -m bench storm` has thousands."""

from pathlib import Path

import pytest

from bench.film import demo_clip
from tests.system.in_full import IN_FULL
from tests.system.running import PIPELINES
from tests.system.storm import storm

KILLS = 16 if IN_FULL else 2
SEED = 1


def test_every_stream_of_every_epoch_is_whole() -> None:
    assert storm(PIPELINES / "storm_of_epochs.yaml", KILLS, SEED).kills >= KILLS


def test_every_file_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORM_FILM", str(demo_clip(tmp_path / "film.mp4", 640 if IN_FULL else 320)))
    assert storm(PIPELINES / "storm_of_files.yaml", KILLS, SEED).kills >= KILLS
