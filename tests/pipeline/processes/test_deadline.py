"""Until when sinks may write: the agent sets it, its workers see it."""

import time

import pytest

from framewire.pipeline.processes.deadline import Deadline, DeadlineReader


def test_readers_see_what_is_set_and_keep_it_when_the_agent_is_gone() -> None:
    deadline = Deadline()
    reader = DeadlineReader(deadline.at)
    assert reader.is_over()
    deadline.set(time.monotonic() + 1000)
    assert not reader.is_over()
    deadline.set(0.0)
    assert reader.is_over()
    deadline.set(time.monotonic() + 1000)
    deadline.close()
    assert not reader.is_over()


def test_at_home_there_is_none() -> None:
    assert not DeadlineReader().is_over()


def test_an_agent_that_is_gone_already_is_an_error() -> None:
    deadline = Deadline()
    deadline.close()
    with pytest.raises(OSError, match="No such file"):
        DeadlineReader(deadline.at)
