"""The four small filters equal ByteTrack's large one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framewire.stages.track.motion import Box, Motion

sizes = st.floats(8, 300)
boxes = st.tuples(st.floats(0, 1900), st.floats(0, 1000), sizes, sizes)


class Large:
    """The textbook filter with ByteTrack's matrices: eight states, as in its paper's code."""

    def __init__(self, box: Box) -> None:
        place = self._measured(box)
        height = place[3]
        deviations = [height / 10, height / 10, 1e-2, height / 10, height / 16, height / 16, 1e-5, height / 16]
        self.mean, self.covariance = np.r_[place, np.zeros(4)], np.diag(np.square(deviations))

    def step(self) -> None:
        height = self.mean[3]
        deviations = [height / 20, height / 20, 1e-2, height / 20, height / 160, height / 160, 1e-5, height / 160]
        move = np.eye(8)
        move[:4, 4:] = np.eye(4)
        self.mean = move @ self.mean
        self.covariance = move @ self.covariance @ move.T + np.diag(np.square(deviations))

    def see(self, box: Box) -> None:
        height = self.mean[3]
        look = np.eye(4, 8)
        noise = np.diag(np.square([height / 20, height / 20, 1e-1, height / 20]))
        total = look @ self.covariance @ look.T + noise
        gain = self.covariance @ look.T @ np.linalg.inv(total)
        self.mean = self.mean + gain @ (self._measured(box) - look @ self.mean)
        self.covariance = self.covariance - gain @ total @ gain.T

    @staticmethod
    def _measured(box: Box) -> np.ndarray:
        return np.array([box[0] + box[2] / 2, box[1] + box[3] / 2, box[2] / box[3], box[3]])


@settings(deadline=None)
@given(st.lists(boxes, min_size=1, max_size=6), st.integers(1, 4))
def test_it_is_the_large_filter(seen: list[Box], steps: int) -> None:
    small, large = Motion.of(seen[0]), Large(seen[0])
    for box in seen[1:]:
        for _ in range(steps):
            small.step()
            large.step()
        small.see(box)
        large.see(box)
    for number, part in enumerate(small.parts):
        assert part.place == pytest.approx(large.mean[number], rel=1e-6, abs=1e-6)
        assert part.speed == pytest.approx(large.mean[4 + number], rel=1e-6, abs=1e-6)
        assert part.of_place == pytest.approx(large.covariance[number, number], rel=1e-6)
        assert part.of_both == pytest.approx(large.covariance[number, 4 + number], rel=1e-6, abs=1e-9)
        assert part.of_speed == pytest.approx(large.covariance[4 + number, 4 + number], rel=1e-6)


def test_what_moves_evenly_is_foreseen() -> None:
    motion = Motion.of((100, 100, 40, 50))
    for number in range(1, 25):
        motion.step()
        motion.see((100 + 6 * number, 100 - 2 * number, 40, 50))
    for _ in range(5):
        motion.step()
    assert motion.box == pytest.approx((100 + 6 * 29, 100 - 2 * 29, 40, 50), abs=2.5)
