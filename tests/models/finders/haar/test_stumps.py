from pathlib import Path

import cv2
import cv2.data
import numpy as np
import pytest

from framewire.models.finders.haar import bundled_cascades
from framewire.models.finders.haar.stumps import CORNERS, Stumps, read_stumps

OURS = {"eye", "frontalcatface", "frontalface_alt", "frontalface_alt_tree", "frontalface_default", "profileface"}
"""The bundled cascades of stumps with upright features; the others have trees or tilted features."""


def read(name: str) -> Stumps | None:
    return read_stumps(Path(cv2.data.haarcascades) / f"haarcascade_{name}.xml")


@pytest.mark.parametrize("name", bundled_cascades())
def test_a_bundled_cascade_is_read_or_left_to_opencv(name: str) -> None:
    assert (read(name) is not None) == (name in OURS)


def test_the_shape_of_the_tutorials_face_cascade() -> None:
    stumps = read("frontalface_default")
    assert stumps
    assert (stumps.width, stumps.height, len(stumps.stage_threshold)) == (24, 24, 25)
    assert stumps.first[:3].tolist() == [0, 9, 25]
    assert stumps.x.shape == stumps.y.shape == (2913, CORNERS) == (len(stumps.kind), CORNERS)
    assert stumps.x.min() >= 0 and stumps.x.max() <= 24 and stumps.y.max() <= 24
    assert stumps.threshold.dtype == stumps.left.dtype == stumps.right.dtype == np.float32


def test_a_threshold_is_a_little_lower_than_in_the_file() -> None:
    stumps = read("frontalface_default")
    assert stumps
    assert 0 < np.float64(-5.0425500869750977) - stumps.stage_threshold[0] < 2e-5


@pytest.mark.parametrize("text", ["", "<opencv_storage/>", "<a><cascade><featureType>LBP</featureType></cascade></a>"])
def test_what_is_no_cascade_of_stumps_is_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "odd.xml"
    path.write_text(text)
    assert read_stumps(path) is None
