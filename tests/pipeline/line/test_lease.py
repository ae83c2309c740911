"""An agent is always gone before it counts as gone, however late its messages are, and whatever its clock says."""

from hypothesis import given
from hypothesis import strategies as st

from framewire.pipeline.line.lease import ASKS, GOING_S, SLOWER, Grant, Lease

SECONDS = 2.0
delay = st.floats(0, 5)


@given(
    st.floats(1 / SLOWER, 2),
    st.floats(-1e6, 1e6),
    st.lists(st.tuples(st.floats(0, 3), delay, delay, st.booleans()), max_size=30),
)
def test_it_is_gone_before_it_counts_as_gone(
    speed: float, ahead: float, asks: list[tuple[float, float, float, bool]]
) -> None:
    """The agent's clock runs `speed` times as fast as the run's, and is `ahead` of it; times here are the run's."""

    def theirs(at: float) -> float:
        return at * speed + ahead

    greeted = 0.0
    lease, grant = Lease(SECONDS, theirs(greeted)), Grant(SECONDS, greeted)
    at, ends = greeted, theirs(greeted) + SECONDS
    for pause, there, back, is_lost in asks:
        at += pause
        if is_lost or theirs(at) >= ends or at + there >= grant.over_at:
            # A dead agent asks for nothing, and one that counts as gone is granted nothing.
            continue
        grant.granted(at + there)
        if theirs(at + there + back) < ends:
            lease.granted(theirs(at))
            ends = max(ends, theirs(at) + SECONDS)
        at += there
    assert not lease.is_out(ends - 1e-3)
    assert lease.is_out(ends + 1e-3)
    gone = (ends - ahead) / speed
    assert gone <= grant.over_at - GOING_S + 1e-3


def test_it_is_asked_for_several_times_a_lease() -> None:
    lease = Lease(SECONDS, 0.0)
    assert lease.ask_due(0.0)
    assert not lease.ask_due(SECONDS / ASKS - 0.01)
    assert lease.ask_due(SECONDS / ASKS)
    assert lease.due == min(2 * SECONDS / ASKS, SECONDS)


def test_an_old_grant_takes_nothing_back() -> None:
    lease = Lease(SECONDS, 0.0)
    lease.granted(1.5)
    lease.granted(0.5)
    assert not lease.is_out(3.4)
    lease.end()
    assert lease.is_out(0.1)
