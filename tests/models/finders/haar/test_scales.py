import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from framewire.models.finders.haar.scales import scales

sides = st.integers(1, 3000)


def test_sizes_grow_by_the_factor_and_the_picture_ends_them() -> None:
    found = list(scales((100, 60), (24, 24), 1.5, 30))
    assert [round(float(one.factor), 4) for one in found] == [1.5, 2.25]
    assert [(one.width, one.height, one.step) for one in found] == [(67, 40, 2), (44, 27, 1)]


def test_half_pixels_are_rounded_to_even_as_opencv_does() -> None:
    (scale, *_) = scales((100, 100), (24, 24), 1.5, 30)
    assert [scale.back(length) for length in (1, 3, 5)] == [2, 4, 8]


@given(sides, sides, st.floats(1.01, 5), st.integers(0, 500), st.integers(0, 500))
def test_a_box_fits_the_picture_and_the_limits(
    width: int, height: int, scale_factor: float, smallest: int, largest: int
) -> None:
    for scale in scales((width, height), (24, 20), scale_factor, smallest, largest):
        box = scale.back(24), scale.back(20)
        # Single precision may round the other way by one pixel.
        assert smallest - 1 <= min(box) and max(box) <= (largest or max(width, height)) + 1
        assert box[0] <= width + 1 and box[1] <= height + 1
        assert np.float32(1) <= scale.factor
