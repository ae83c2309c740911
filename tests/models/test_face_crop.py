import numpy as np
import pytest

from models.catalogue import LEVI_HASSNER_AGES
from models.classifier import range_of
from models.face_crop import CropRule, face_crop

PICTURE = np.arange(100 * 120 * 3, dtype=np.uint32).astype(np.uint8).reshape(100, 120, 3)
RULE = CropRule(side=1.2, down=0.5)


def test_inside_it_is_a_view_of_the_right_place() -> None:
    cut = face_crop(PICTURE, (40, 30, 20, 30), RULE)
    assert cut.shape == (24, 24, 3)
    assert np.shares_memory(cut, PICTURE)
    assert (cut == PICTURE[33:57, 38:62]).all()


def test_beyond_the_edge_the_edge_is_repeated() -> None:
    cut = face_crop(PICTURE, (-5, -5, 30, 30), RULE)
    assert cut.shape == (36, 36, 3)
    assert (cut[8:, 8:] == PICTURE[:28, :28]).all()
    assert (cut[0, 8:] == PICTURE[0, :28]).all()
    assert face_crop(PICTURE, (110, 90, 30, 30), RULE).shape == (36, 36, 3)


def test_a_face_that_is_nowhere_is_the_callers_mistake() -> None:
    with pytest.raises(ValueError, match="outside the picture"):
        face_crop(PICTURE, (500, 500, 10, 10), RULE)


@pytest.mark.parametrize(
    ("years", "words"),
    [(0, "(0-2)"), (2.9, "(0-2)"), (3.1, "(4-6)"), (28, "(25-32)"), (36, "(38-43)"), (34, "(25-32)"), (99, "(60-100)")],
)
def test_an_age_is_told_by_the_nearest_range(years: float, words: str) -> None:
    assert range_of(years, LEVI_HASSNER_AGES) == words
