import os
import subprocess
import sys

from framewire.pipeline.processes.signals import how_it_ended, is_running
from tests.system.running import wait_until


def test_a_process_that_has_ended_is_not_running_although_nobody_has_asked_for_its_status() -> None:
    assert is_running(os.getpid())
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert is_running(child.pid)
    child.kill()
    wait_until(lambda: not is_running(child.pid), "its end")
    child.wait()
    assert not is_running(child.pid)


def test_words_for_an_end() -> None:
    assert how_it_ended(-9) == "killed by SIGKILL"
    assert how_it_ended(3) == "exit status 3"
