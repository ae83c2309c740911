"""The nursery: in a process of its own, since it must be created before any thread."""

import subprocess
import sys

import psutil
import pytest

SCRIPT = """
import os, signal, sys
from framewire.pipeline.processes.nursery import Born, Died, Nursery

def life(boot):
    if boot == b"crash":
        os.kill(os.getpid(), signal.SIGKILL)
    if boot == b"raise":
        raise ValueError("at birth")
    if boot == b"wait":
        signal.pause()
    return int(boot)

nursery = Nursery("framewire nursery-test nursery", life)
for token, boot in (("a", b"3"), ("b", b"crash"), ("c", b"0"), ("d", b"raise")):
    nursery.spawn(token, boot)
born, died = {}, {}
while len(died) < 4:
    match nursery.news():
        case Born(token, pid): born[pid] = token
        case Died(pid, status): died[born[pid]] = status
assert died == {"a": 3, "b": -9, "c": 0, "d": 1}, died
nursery.spawn("e", b"wait")
child = nursery.news()
nursery.close()
print("child", child.pid)
"""


@pytest.fixture(scope="module")
def finished() -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60)


def test_births_and_deaths_are_told(finished: subprocess.CompletedProcess[str]) -> None:
    assert finished.returncode == 0, finished.stderr
    assert "ValueError: at birth" in finished.stderr


def test_whoever_is_left_goes_with_the_nursery(finished: subprocess.CompletedProcess[str]) -> None:
    pid = int(finished.stdout.split()[-1])
    # A zombie counts as gone, even if not reaped yet.
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


UNREAD = """
import os
from framewire.pipeline.processes.nursery import Nursery

nursery = Nursery("framewire nursery-test nursery", int)
for number in range(20):
    nursery.spawn("a", b"0")
# Some of its news is never read.
for _ in range(20):
    nursery.news()
nursery.close()
print("closed once")
"""


def test_news_that_nobody_reads_do_no_harm() -> None:
    done = subprocess.run([sys.executable, "-c", UNREAD], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "closed once\n", "")
