"""All pictures of a file come, whatever kind of file it is."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from framewire.pipeline.frame.ring import Pixels
from framewire.pipeline.stage import Shot
from framewire.stages.capture.inputs.pictures.image_files import AnimatedPicture, ImageFiles
from framewire.stages.capture.inputs.pictures.picture_file import pictures_in

GREYS = [0, 40, 80, 120, 160]
needs_animations = pytest.mark.skipif(not hasattr(cv2, "imwriteanimation"), reason="OpenCV before 4.11")


def pictures() -> list[Pixels]:
    return [np.full((24, 32, 3), grey, np.uint8) for grey in GREYS]


def animated(path: Path, durations: list[int]) -> Path:
    animation: Any = cv2.Animation()
    animation.frames, animation.durations = pictures(), np.array(durations)
    assert cv2.imwriteanimation(str(path), animation)
    return path


def pages(path: Path) -> Path:
    assert cv2.imwritemulti(str(path), pictures())
    return path


def played(source: ImageFiles | AnimatedPicture, start: int = 0) -> tuple[list[int], list[Shot]]:
    """The grey of each picture, -1 for none, and the shots."""
    given: list[Pixels] = []

    def slot(height: int, width: int) -> Pixels:
        given.append(np.empty((height, width, 3), np.uint8))
        return given[-1]

    greys, shots = [], []
    for shot in source.shots(start, slot):
        shots.append(shot)
        greys.append(-1 if shot.failed else round(float(given[-1].mean())))
    return greys, shots


@needs_animations
@pytest.mark.parametrize("suffix", [".webp", ".png", ".avif"])
def test_an_animation_has_its_own_times(suffix: str, tmp_path: Path) -> None:
    path = animated(tmp_path / f"a{suffix}", [40, 40, 80, 40, 40])
    assert pictures_in(path) == 5
    source = AnimatedPicture(path)
    greys, shots = played(source)
    assert greys == pytest.approx(GREYS, abs=2)
    assert [shot.pts * Fraction(*shot.time_base) * 1000 for shot in shots] == [0, 40, 80, 160, 200]
    assert source.facts.expected == 5
    assert played(source, 3) == (greys[3:], shots[3:])


@needs_animations
def test_all_pictures_of_a_folder(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "1.png"), pictures()[3])
    animated(tmp_path / "2.webp", [40] * 5)
    pages(tmp_path / "3.tif")
    (tmp_path / "4.png").write_bytes(b"no picture")
    source = ImageFiles(list(tmp_path.iterdir()), "folder", 10)
    assert source.facts.expected == 12
    greys, shots = played(source)
    assert greys == pytest.approx([120, *GREYS, *GREYS, -1], abs=2)
    assert [shot.pts for shot in shots] == list(range(12))
    assert shots[0].time_base == (1, 10)
    assert played(source, 4)[0] == greys[4:]


def test_the_pages_of_a_tiff(tmp_path: Path) -> None:
    source = ImageFiles([pages(tmp_path / "a.tiff")], "a.tiff", 25)
    assert played(source)[0] == GREYS
