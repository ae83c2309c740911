import pytest

from framewire.stages.capture.inputs.silence import Silence


def stalls(silence: Silence, times: list[float]) -> list[float]:
    """The times at which it counted as stalled before the picture came."""
    stalled = []
    for now in times:
        if now >= silence.stalls_at:
            stalled.append(now)
        silence.picture(now)
    return stalled


def test_a_quick_stream_is_stalled_after_a_second() -> None:
    silence = Silence()
    silence.connected(0.0, 25.0)
    assert stalls(silence, [0.04 * number for number in range(1, 50)]) == []
    assert silence.allowed_s == 1.0


@pytest.mark.parametrize("every_s", [1.0, 2.0, 5.0])
def test_a_slow_camera_that_says_so_is_never_stalled(every_s: float) -> None:
    silence = Silence()
    silence.connected(0.0, 1 / every_s)
    assert stalls(silence, [every_s * number for number in range(1, 50)]) == []


def test_one_that_claims_a_wrong_rate_is_stalled_once() -> None:
    silence = Silence()
    silence.connected(0.0, 90_000.0)
    assert stalls(silence, [2.0 * number for number in range(1, 50)]) == [2.0]


def test_segments_come_in_bursts() -> None:
    silence = Silence()
    silence.connected(0.0, 25.0)
    burst = [6.0 * segment + 0.01 * number for segment in range(20) for number in range(150)]
    assert stalls(silence, burst[1:]) == [6.0]


def test_after_an_outage_it_is_soon_quick_again() -> None:
    silence = Silence()
    silence.connected(0.0, 25.0)
    silence.picture(10.0)
    assert silence.allowed_s > 20
    for number in range(60 * 25):
        silence.picture(10.0 + 0.04 * number)
    assert silence.allowed_s == 1.0


def test_a_rate_of_once_a_day_does_not_hide_an_outage_for_a_day() -> None:
    silence = Silence()
    silence.connected(0.0, 1 / 86_400)
    assert silence.stalls_at == 30.0
