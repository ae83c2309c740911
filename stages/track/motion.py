"""How a box moves: a constant-velocity Kalman filter with ByteTrack's noise.

It measures the box's centre, its width over its height, and its height. In ByteTrack's model the four are independent
(all its matrices are diagonal in blocks of place and speed), so its filter of eight states is four filters of two,
here without any matrix.
"""

from msgspec import Struct

Box = tuple[float, float, float, float]
"""x, y, width, height in pixels of the frame."""
PLACE_SHARE = 1 / 20
"""Standard deviation of a place, as a share of the box height (ByteTrack's std_weight_position)."""
SPEED_SHARE = 1 / 160
"""Likewise, of a speed per frame (std_weight_velocity)."""
ASPECT_NOISE, ASPECT_SPEED_NOISE, ASPECT_MEASURED = 1e-2, 1e-5, 1e-1
"""Of width over height, of its change per frame, and of a detector's measurement of it."""
_ASPECT, _HEIGHT = 2, 3


class Moving(Struct):
    """One of the four: its place, its speed per frame, and their uncertainty (variances and covariance)."""

    place: float
    speed: float
    of_place: float
    of_both: float
    of_speed: float


class Motion(Struct):
    """The four of a box: centre x, centre y, width / height, height."""

    parts: list[Moving]

    @classmethod
    def of(cls, box: Box) -> "Motion":
        """Start from a box seen for the first time: it may be moving anywhere."""
        height = box[3]
        return cls(
            [
                Moving(place, 0.0, (2 * noise) ** 2, 0.0, (10 * speed_noise) ** 2)
                if number != _ASPECT
                else Moving(place, 0.0, ASPECT_NOISE**2, 0.0, ASPECT_SPEED_NOISE**2)
                for number, (place, noise, speed_noise) in enumerate(
                    (place, PLACE_SHARE * height, SPEED_SHARE * height) for place in _measured(box)
                )
            ]
        )

    def step(self) -> None:
        """Advance a frame."""
        height = self.parts[_HEIGHT].place
        for number, part in enumerate(self.parts):
            noise, speed_noise = PLACE_SHARE * height, SPEED_SHARE * height
            if number == _ASPECT:
                noise, speed_noise = ASPECT_NOISE, ASPECT_SPEED_NOISE
            part.place += part.speed
            part.of_place += 2 * part.of_both + part.of_speed + noise**2
            part.of_both += part.of_speed
            part.of_speed += speed_noise**2

    def see(self, box: Box) -> None:
        """Correct with a detected box."""
        height = self.parts[_HEIGHT].place
        for number, (part, place) in enumerate(zip(self.parts, _measured(box), strict=True)):
            trusted = ASPECT_MEASURED if number == _ASPECT else PLACE_SHARE * height
            total = part.of_place + trusted**2
            gain, speed_gain = part.of_place / total, part.of_both / total
            error = place - part.place
            part.place += gain * error
            part.speed += speed_gain * error
            part.of_speed -= speed_gain * part.of_both
            part.of_place -= gain * part.of_place
            part.of_both -= gain * part.of_both

    def stand_still(self) -> None:
        """Freeze the size while out of sight, as ByteTrack does: else it would grow or shrink away."""
        self.parts[_HEIGHT].speed = 0.0

    @property
    def box(self) -> Box:
        """The estimated box."""
        x, y, aspect, height = (part.place for part in self.parts)
        height = max(1.0, height)
        width = max(1.0, aspect * height)
        return x - width / 2, y - height / 2, width, height


def _measured(box: Box) -> tuple[float, float, float, float]:
    x, y, width, height = box
    return x + width / 2, y + height / 2, width / max(height, 1e-6), height
