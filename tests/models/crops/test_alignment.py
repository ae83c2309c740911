import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framewire.models.crops.alignment import TEMPLATE, AlignedCrop, similarity

PLACES = np.array(TEMPLATE)


@given(st.floats(-math.pi, math.pi), st.floats(0.1, 10), st.floats(-500, 500), st.floats(-500, 500))
def test_a_similarity_is_found_again(angle: float, scale: float, x: float, y: float) -> None:
    turn = scale * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    found = similarity((PLACES - (x, y)) @ np.linalg.inv(turn).T, PLACES)
    assert np.allclose(found, np.column_stack([turn, (x, y)]), atol=1e-6)


def test_it_is_the_best_there_is() -> None:
    """Nothing near it does better on landmarks that no similarity fits exactly."""
    rng = np.random.default_rng(0)
    points = PLACES * 2 + rng.normal(0, 4, PLACES.shape)
    best = similarity(points, PLACES)

    def error(matrix: np.ndarray) -> float:
        return float(((points @ matrix[:, :2].T + matrix[:, 2] - PLACES) ** 2).sum())

    for _ in range(50):
        a, b, x, y = rng.normal(0, 0.01, 4)
        other = best + np.array([[a, -b, x], [b, a, y]])
        assert error(other) > error(best)


def test_points_in_one_place_do_no_harm() -> None:
    assert np.isfinite(similarity(np.full((5, 2), 7.0), PLACES)).all()


def test_the_landmarks_come_to_their_places() -> None:
    """A face that is a white dot at each landmark, upside down and three times as large."""
    landmarks = tuple((400 - 3 * x, 500 - 3 * y) for x, y in TEMPLATE)
    picture = np.zeros((600, 600, 3), np.uint8)
    for x, y in landmarks:
        picture[round(y) - 4 : round(y) + 5, round(x) - 4 : round(x) + 5] = 255
    cut = AlignedCrop(side=224).cut(picture, (0, 0, 600, 600), landmarks)
    assert cut is not None
    assert cut.shape == (224, 224, 3)
    for x, y in TEMPLATE:
        assert cut[round(2 * y), round(2 * x)].min() > 200
    assert cut.mean() < 20


@pytest.mark.parametrize("landmarks", [(), ((1.0, 1.0),)])
def test_a_face_without_landmarks_cannot_be_aligned(landmarks: tuple[tuple[float, float], ...]) -> None:
    assert AlignedCrop().cut(np.zeros((9, 9, 3), np.uint8), (0, 0, 9, 9), landmarks) is None
