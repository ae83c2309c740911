import os
import signal

import pytest

from framewire.pipeline.processes.apart import ApartError, call_apart


def test_the_answer_comes_from_another_process() -> None:
    large = os.urandom(2**20)
    assert call_apart(lambda: large + str(os.getpid()).encode()) != large + str(os.getpid()).encode()
    assert call_apart(lambda: large) == large


def crash() -> bytes:
    os.kill(os.getpid(), signal.SIGKILL)
    return b""


def slip() -> bytes:
    raise SystemExit(0)


def test_how_it_ended_is_said() -> None:
    with pytest.raises(ApartError, match="SIGKILL"):
        call_apart(crash)
    with pytest.raises(ApartError, match="1"):
        call_apart(slip)
