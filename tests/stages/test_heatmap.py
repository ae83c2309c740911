"""heatmap adds up seconds by cell, each frame once, whoever dies."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from framewire.pipeline.frame.packet import Detection, Packet
from framewire.pipeline.stage import StageError
from framewire.pipeline.testing import StageRunner
from framewire.stages.heatmap import Heatmap

Grid = NDArray[np.float32]
PICTURE = np.zeros((90, 160, 3), np.uint8)
OPTIONS = {"of": "person", "anchor": "foot", "columns": 16}


def standing(x: float, y: float) -> Detection:
    """Somebody whose feet are at (x, y)."""
    return Detection(label="person", box=(x - 5, y - 20, 10, 20))


def written(folder: Path) -> Grid:
    with np.load(folder / "stream-heat.npz") as file:
        return np.asarray(file["seconds"])


def sink_of(runner: StageRunner) -> Heatmap:
    assert isinstance(runner.stage, Heatmap)
    return runner.stage


def end(runner: StageRunner, count: int) -> None:
    sink_of(runner).end(Packet(source="stream", stream="stream", seq=count, window=8, end=True))


def test_seconds_are_where_the_feet_are(tmp_path: Path) -> None:
    with StageRunner(Heatmap, OPTIONS, tmp_path) as runner:
        for _ in range(26):
            dog = Detection(label="dog", box=(0, 0, 9, 9))
            runner.write(runner.packet(PICTURE).plus([standing(45, 85), standing(155, 15), dog]))
        end(runner, 26)
    seconds = written(tmp_path)
    # The grid is 16 x 9: cells of 10 pixels. 25 gaps of 40 ms.
    assert seconds.shape == (9, 16)
    assert seconds[8, 4] == pytest.approx(1.0)
    assert seconds[1, 15] == pytest.approx(1.0)
    assert seconds.sum() == pytest.approx(2.0)
    picture = cv2.imread(str(tmp_path / "stream-heat.png"), cv2.IMREAD_UNCHANGED)
    assert picture is not None
    assert picture.shape == (90, 160, 4)
    assert picture[85, 45, 3] > 200 > 10 > picture[45, 100, 3]


@given(st.lists(st.integers(0, 40), max_size=4), st.integers(1, 60))
@settings(max_examples=30, deadline=None)
def test_who_dies_adds_nothing_twice(tmp_path_factory: pytest.TempPathFactory, deaths: list[int], count: int) -> None:
    folder = tmp_path_factory.mktemp("heat")
    frames = [[standing(3 * number % 160, 5 * number % 90)] for number in range(count)]

    def run(out: Path, deaths: list[int]) -> Grid:
        # The mark that the engine knows may be older than the last that was returned.
        before = mark = 0
        resumed = False
        for death in [*sorted(death for death in deaths if death < count), count]:
            with StageRunner(Heatmap, OPTIONS, out, resumed=resumed, killed=death < count) as runner:
                if resumed:
                    sink_of(runner).resume("stream", mark)
                for seq in range(mark, death):
                    runner._seq = seq
                    before, mark = mark, runner.write(runner.packet(PICTURE, seq=seq).plus(frames[seq]))
                    assert before <= mark <= seq + 1
                if death == count:
                    end(runner, count)
            mark, resumed = before, True
        return written(out)

    assert (run(folder / "killed", deaths) == run(folder / "whole", [])).all()


def test_what_is_made_safe_early_is_not_added_again(tmp_path: Path) -> None:
    frames = [[standing(50, 50)]] * 9
    for out, pauses in ((tmp_path / "paused", [3, 5]), (tmp_path / "whole", [])):
        mark = 0
        for until in [*pauses, 9]:
            with StageRunner(Heatmap, OPTIONS, out, resumed=mark > 0, killed=until < 9) as runner:
                if mark:
                    sink_of(runner).resume("stream", mark)
                for seq in range(mark, until):
                    packet = runner.packet(PICTURE, seq=seq).plus(frames[seq])
                    runner.write(packet)
                if until == 9:
                    end(runner, 9)
                else:
                    assert sink_of(runner).settle(packet) == until
            mark = until
    assert (written(tmp_path / "paused") == written(tmp_path / "whole")).all()


@pytest.mark.parametrize("path", ["heat.jpg", "{stram}.png", "{}.png"])
def test_a_path_that_is_none(tmp_path: Path, path: str) -> None:
    with (
        pytest.raises(StageError, match=r"is a \.png|cannot be filled in"),
        StageRunner(Heatmap, {"path": path}, tmp_path),
    ):
        pass


def test_an_earlier_runs_state_is_forgotten(tmp_path: Path) -> None:
    for _ in range(2):
        with StageRunner(Heatmap, OPTIONS, tmp_path, killed=True) as runner:
            for _ in range(11):
                runner.write(runner.packet(PICTURE).plus([standing(45, 85)]))
            end(runner, 11)
        assert written(tmp_path).sum() == pytest.approx(0.4)
