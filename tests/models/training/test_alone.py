"""Two trainings in one folder would overwrite each other: the second is refused, until the first is over."""

from pathlib import Path

import pytest

from framewire.models.training.loop.alone import alone_in
from framewire.models.training.loop.recipe import OtherTrainingError


def test_the_second_waits_for_another_folder(tmp_path: Path) -> None:
    with alone_in(tmp_path / "out"):
        with pytest.raises(OtherTrainingError, match="another training is writing into"):
            with alone_in(tmp_path / "out"):
                pass
        with alone_in(tmp_path / "other"):
            pass
    with alone_in(tmp_path / "out"):
        pass
    assert list((tmp_path / "out").iterdir()) == []
