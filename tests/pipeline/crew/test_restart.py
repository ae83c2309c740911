import pytest

from framewire.pipeline.crew.restart import CRASHED, DELAY_MAX_S, FIRST_DELAY_S, STRIKES, Blame, RestartPolicy
from framewire.pipeline.graph import RestartSpec
from framewire.pipeline.nodes.notes import FrameInHand


def test_it_waits_longer_each_time_and_gives_up_at_the_limit() -> None:
    policy = RestartPolicy(RestartSpec(limit=8, within_s=60))
    delays = [again - now for now in range(8) if (again := policy.died(float(now))) is not None]
    assert delays[:3] == pytest.approx([FIRST_DELAY_S, 2 * FIRST_DELAY_S, 4 * FIRST_DELAY_S])
    assert max(delays) == pytest.approx(DELAY_MAX_S)
    assert policy.died(9.0) is None


def test_deaths_long_ago_are_forgiven() -> None:
    policy = RestartPolicy(RestartSpec(limit=1, within_s=60))
    assert policy.died(0.0) == FIRST_DELAY_S
    assert policy.died(61.0) == 61.0 + FIRST_DELAY_S
    assert policy.died(62.0) is None


def test_a_frame_is_condemned_at_its_third_death_and_only_once_told() -> None:
    blame = Blame()
    frame, other = FrameInHand("faces", "s", 7), FrameInHand("faces", "s", 8)
    told = [blame.died_with([frame]), blame.died_with([other]), blame.died_with([frame]), blame.died_with([frame])]
    assert told == [[], [], [], [frame]]
    assert STRIKES == 3
    assert [(gone.stage, gone.seq, gone.reason) for gone in blame.condemned()] == [("faces", 7, CRASHED)]
    assert blame.died_with([frame]) == []
