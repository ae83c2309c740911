"""All pictures of a file come, whatever kind of file it is."""

import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from framewire.pipeline.frame.ring import Pixels
from framewire.pipeline.frame.shot import Shot
from framewire.stages.capture.inputs.pictures.header import may_have_several
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


@needs_animations
def test_names_need_not_be_text(tmp_path: Path) -> None:
    """OpenCV crashes on them."""
    animated(tmp_path / "a.webp", [40] * 5).rename(tmp_path / os.fsdecode(b"1\xff.webp"))
    pages(tmp_path / "a.tif").rename(tmp_path / os.fsdecode(b"2\xff.tif"))
    cv2.imwrite(str(tmp_path / "a.png"), pictures()[3])
    (tmp_path / "a.png").rename(tmp_path / os.fsdecode(b"3\xff.png"))
    greys, _ = played(ImageFiles(list(tmp_path.iterdir()), "folder", 10))
    assert greys == pytest.approx([*GREYS, *GREYS, 120], abs=2)


@needs_animations
def test_only_files_that_may_have_several_are_counted(tmp_path: Path) -> None:
    for suffix in (".png", ".webp", ".avif", ".tif"):
        path = tmp_path / f"one{suffix}"
        assert cv2.imwrite(str(path), pictures()[0])
        assert not may_have_several(path), suffix
        several = tmp_path / f"several{suffix}"
        _ = pages(several) if suffix == ".tif" else animated(several, [40] * 5)
        assert may_have_several(several), suffix


@pytest.mark.parametrize(
    "content", [b"", b"\x89PNG\r\n\x1a\n", b"II*\0\xff\xff\xff\xff", b"RIFF....WEBPVP8X", b"MM\0*"]
)
def test_a_file_that_breaks_off_has_one_at_most(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "cut.png"
    path.write_bytes(content)
    assert not may_have_several(path)
    assert pictures_in(path) == 1
