import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from framewire.pipeline.frame.ring import Pixels
from framewire.pipeline.stage import StageError
from framewire.stages.capture.inputs.pictures.watched_folder import WatchedFolder
from tests.system.running import wait_until


def put(folder: Path, name: str, value: int) -> None:
    cv2.imwrite(str(folder / f".{name}"), np.full((4, 6, 3), value, np.uint8))
    (folder / f".{name}").rename(folder / name)


class Looking:
    """A watched folder, and what it gives."""

    def __init__(self, folder: Path, out: Path, resumed: bool = False, start: int = 0) -> None:
        self.woken = threading.Event()
        self.watched = WatchedFolder(folder, out / ".seen", resumed, self.woken.set)
        self.watched.begin(start)
        self._place = np.zeros((4, 6, 3), np.uint8)
        self._shots = self.watched.shots(self._slot)

    def _slot(self, height: int, width: int) -> Pixels:
        return self._place

    def next(self) -> int | str:
        """The value of the next picture, or why there is none."""
        wait_until(lambda: self.watched.ready, "a picture", 10)
        shot = next(self._shots)
        return shot.failed or int(self._place[0, 0, 0])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "in"
    made.mkdir()
    return made


@pytest.fixture
def looking(folder: Path, tmp_path: Path) -> Iterator[Looking]:
    for number in (10, 9):
        put(folder, f"{number}.png", number)
    one = Looking(folder, tmp_path)
    yield one
    one.watched.close()


def test_what_is_there_then_what_comes(looking: Looking, folder: Path) -> None:
    assert [looking.next(), looking.next()] == [9, 10]
    assert not looking.watched.ready
    put(folder, "1.png", 1)
    assert looking.woken.wait(10)
    assert looking.next() == 1
    (folder / "note.txt").write_text("no picture")
    (folder / "broken.png").write_bytes(b"no picture either")
    put(folder, "x.png", 7)
    assert [looking.next(), looking.next()] == ["unreadable", 7]


def test_a_worker_that_follows_gives_the_same_pictures_the_same_numbers(folder: Path, tmp_path: Path) -> None:
    for number in (1, 2, 3):
        put(folder, f"{number}.png", number)
    dead = Looking(folder, tmp_path)
    assert [dead.next(), dead.next()] == [1, 2]
    put(folder, "0.png", 100)
    follower = Looking(folder, tmp_path, resumed=True, start=1)
    assert [follower.next() for _ in range(3)] == [2, 100, 3]
    follower.watched.close()
    dead.watched.close()


def test_nothing_to_give_again(folder: Path, tmp_path: Path) -> None:
    put(folder, "1.png", 1)
    dead = Looking(folder, tmp_path)
    assert dead.next() == 1
    follower = Looking(folder, tmp_path, resumed=True, start=1)
    assert not follower.watched.ready
    follower.watched.close()
    dead.watched.close()


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(StageError, match="is not a folder; `watch` needs one"):
        WatchedFolder(tmp_path / "nowhere", tmp_path / ".seen", False, lambda: None)
