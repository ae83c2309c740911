"""The middle square of a box, and of what of it lies in the picture."""

import numpy as np
import pytest

from framewire.models.box import Box
from framewire.models.crops.centre_crop import CentreCrop


@pytest.mark.parametrize(
    ("box", "place"),
    [
        ((0, 0, 100, 40), (0, 40, 30, 70)),
        ((10, 10, 20, 30), (15, 35, 10, 30)),
        ((90, 0, 40, 10), (0, 10, 90, 100)),
        ((5, 5, 1, 1), (5, 6, 5, 6)),
    ],
)
def test_the_middle_square(box: Box, place: tuple[int, int, int, int]) -> None:
    picture = np.arange(40 * 100 * 3, dtype=np.uint32).reshape(40, 100, 3).astype(np.uint8)
    top, bottom, left, right = place
    cut = CentreCrop().cut(picture, box)
    assert cut is not None
    assert np.array_equal(cut, picture[top:bottom, left:right])


def test_a_box_outside_the_picture() -> None:
    with pytest.raises(ValueError, match="outside the picture"):
        CentreCrop().cut(np.zeros((9, 9, 3), np.uint8), (20, 20, 5, 5))
