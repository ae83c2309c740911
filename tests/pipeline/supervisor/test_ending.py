from framewire.pipeline.supervisor.ending import CLOSING_S, Ending


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_signals_at_once_are_one() -> None:
    clock = Clock()
    ending = Ending(8.0, clock=clock)
    assert [ending.signalled(), ending.signalled()] == [True, False]
    clock.now += 0.15
    assert not ending.signalled()
    assert ending.interrupts == 1
    clock.now += 1
    assert ending.signalled()
    assert ending.interrupts == 2


def test_a_run_that_is_told_to_stop_ends_within_its_time() -> None:
    clock = Clock()
    ending = Ending(8.0, clock=clock)
    assert ending.due is None
    ending.signalled()
    assert (ending.due, ending.must_close) == (104.0, False)
    clock.now = 104.0
    assert ending.must_close
    ending.close()
    assert not ending.must_close
    assert not ending.must_kill
    assert ending.due is not None
    clock.now = ending.due
    assert clock.now < 108
    assert ending.must_kill
    ending.kill()
    assert not ending.must_leave
    clock.now = ending.due or 0.0
    assert ending.must_leave
    assert clock.now < 108


def test_one_that_ends_by_itself_may_take_longer_to_close_its_files() -> None:
    clock = Clock()
    ending = Ending(8.0, clock=clock)
    ending.close()
    assert ending.due == 100.0 + CLOSING_S
    clock.now += 1
    ending.signalled()
    assert ending.due == 101.0 + 0.75 * 8.0
