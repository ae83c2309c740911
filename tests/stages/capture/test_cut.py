from pathlib import Path

import av
import numpy as np
import pytest

from framewire.pipeline.frame.packet import Packet
from framewire.pipeline.testing import StageRunner
from framewire.stages.capture import Capture
from framewire.stages.capture.cut import CUT, CutFinder
from framewire.stages.face_detect import FaceDetect
from tests.videos import picture

SCENES = (0, 7, 12)
"""Frames at which a new scene begins."""


def scene(number: int) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    shown = picture(number, 160, 120)
    return 255 - shown if 7 <= number < 12 else shown


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "scenes.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for number in range(20):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(scene(number), "bgr24")))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("start", [0, 1, 6, 7, 8, 12])
def test_cuts_are_found_wherever_one_begins(film: Path, start: int) -> None:
    with StageRunner(Capture, {"source": str(film)}) as runner:
        cuts = [number for number, (shot, _) in enumerate(runner.shots(start), start) if shot.cut]
    assert cuts == [number for number in SCENES[1:] if number >= start]


def test_what_moves_is_no_cut() -> None:
    finder = CutFinder()
    assert not any(finder.look(picture(number, 640, 360)) for number in range(100))


def test_another_size_is_another_scene_and_a_missing_picture_is_none() -> None:
    finder = CutFinder()
    grey = np.full((90, 160, 3), 100, np.uint8)
    assert not finder.look(grey)
    assert not finder.look(None)
    assert not finder.look(grey + np.uint8(CUT - 1))
    assert finder.look(np.zeros((10, 12, 3), np.uint8))
    assert not finder.look(np.zeros((10, 12, 3), np.uint8))


def test_the_first_frame_of_a_scene_is_searched_whatever_its_number() -> None:
    with StageRunner(FaceDetect, {"method": "haar", "detect_every": 5}) as runner:
        assert isinstance(runner.stage, FaceDetect)
        frames = [Packet(source="s", stream="s", seq=seq, window=8, cut=seq == 3) for seq in range(6)]
        assert [runner.stage.idle(frame) for frame in frames] == [False, True, True, False, True, False]
