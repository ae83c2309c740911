import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framewire.models.classifiers.resize import resized
from tests.stages.faces import demo_frame


@pytest.mark.parametrize("side", [65, 90, 128, 150, 300, 720])
def test_it_is_what_opencvs_mean_of_areas_is(side: int) -> None:
    picture = np.asarray(demo_frame(0)[:side, 200 : 200 + side], np.uint8)
    mean = cv2.resize(picture, (64, 64), interpolation=cv2.INTER_AREA).astype(int)
    assert np.abs(resized(picture, 64, 64) - mean).mean() < 0.8


def test_fine_stripes_become_grey_and_not_other_stripes() -> None:
    """Every fourth column is white: sampling alone would make some of the small picture's columns black."""
    stripes = np.zeros((320, 320, 3), np.uint8)
    stripes[:, ::4] = 255
    small = resized(stripes, 32, 32)
    assert 30 < small.min() <= small.max() < 100
    assert cv2.resize(stripes, (32, 32), interpolation=cv2.INTER_LINEAR).std() > 50


@settings(deadline=None)
@given(st.integers(1, 400), st.integers(1, 400), st.integers(1, 80), st.integers(1, 80), st.booleans())
def test_any_size_to_any_size(height: int, width: int, to_height: int, to_width: int, grey: bool) -> None:
    picture = np.full((height, width) if grey else (height, width, 3), 77, np.uint8)
    small = resized(picture, to_width, to_height)
    assert small.shape[:2] == (to_height, to_width)
    assert (small == 77).all()
