import numpy as np
import pytest

from framewire.models.box import Box
from framewire.models.crops.face_crop import BoxCrop, SquareCrop, edges_inside
from framewire.models.picture import Picture

PICTURE = np.arange(100 * 120 * 3, dtype=np.uint32).astype(np.uint8).reshape(100, 120, 3)
RULE = SquareCrop(side=1.2, down=0.5)


def cut_out(box: Box, crop: BoxCrop | SquareCrop) -> Picture:
    cut = crop.cut(PICTURE, box)
    assert cut is not None
    return cut


def test_inside_it_is_a_view_of_the_right_place() -> None:
    cut = cut_out((40, 30, 20, 30), RULE)
    assert cut.shape == (24, 24, 3)
    assert np.shares_memory(cut, PICTURE)
    assert (cut == PICTURE[33:57, 38:62]).all()


def test_one_rule_by_the_mean_fits_square_boxes_and_high_ones() -> None:
    rule = SquareCrop(side=1.0, down=0.5, by="mean")
    assert cut_out((40, 30, 24, 24), rule).shape == cut_out((42, 28, 20, 28), rule).shape == (24, 24, 3)


def test_beyond_the_edge_the_edge_is_repeated() -> None:
    cut = cut_out((-5, -5, 30, 30), RULE)
    assert cut.shape == (36, 36, 3)
    assert (cut[8:, 8:] == PICTURE[:28, :28]).all()
    assert (cut[0, 8:] == PICTURE[0, :28]).all()
    assert cut_out((110, 90, 30, 30), RULE).shape == (36, 36, 3)


def test_a_face_that_is_nowhere_is_the_callers_mistake() -> None:
    with pytest.raises(ValueError, match="outside the picture"):
        cut_out((500, 500, 10, 10), RULE)


def test_margins_are_cut_at_the_picture() -> None:
    assert edges_inside((10, 20, 30, 40), (15, 20), (100, 100)) == (0, 0, 55, 80)
    assert edges_inside((10, 20, 30, 40), (0, 0), (100, 100)) == (10, 20, 40, 60)
    assert edges_inside((100, 0, 5, 5), (0, 0), (100, 100)) is None
    with pytest.raises(ValueError, match="outside the picture"):
        cut_out((200, 20, 5, 5), BoxCrop())


def test_the_tutorials_crop_is_wider_by_twenty_pixels_and_cut_at_the_frame() -> None:
    assert cut_out((40, 30, 20, 30), BoxCrop(padding=20)).shape == (70, 60, 3)
    assert (cut_out((5, 5, 20, 30), BoxCrop(padding=20)) == PICTURE[:55, :45]).all()
