from pathlib import Path

import av.error
import pytest

from framewire.pipeline.stage import StageError
from framewire.stages.capture.inputs.film.video_file import VideoFile
from framewire.stages.capture.inputs.hardware import HardwareError, open_input
from tests.videos import write_video


def test_software_unless_asked(tmp_path: Path) -> None:
    container, decoder = open_input(str(write_video(tmp_path / "a.mp4")), "")
    container.close()
    assert decoder == ""


def test_auto_decodes_whatever_there_is(tmp_path: Path) -> None:
    film = VideoFile(write_video(tmp_path / "a.mp4", 3), 1, hwaccel="auto")
    assert film.facts.expected == 3


def test_a_device_that_there_is_not_is_said(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4")
    with pytest.raises(HardwareError, match=r"hwaccel abacus cannot decode this .* try auto"):
        open_input(str(path), "abacus")
    with pytest.raises(StageError, match=r"a\.mp4: hwaccel abacus"):
        VideoFile(path, 1, hwaccel="abacus")


def test_a_file_that_cannot_be_opened_is_not_the_devices_fault(tmp_path: Path) -> None:
    with pytest.raises(av.error.FileNotFoundError):
        open_input(str(tmp_path / "nothing.mp4"), "abacus")
