"""The nursery: in a process of its own, since it must be created before any thread."""

import subprocess
import sys

import psutil
import pytest

from framewire.pipeline.processes.signals import is_running
from tests.system.running import wait_until

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

nursery = Nursery.forked("framewire nursery-test nursery", life)
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

nursery = Nursery.forked("framewire nursery-test nursery", int)
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


GROUPS = """
import os, signal, subprocess
from framewire.pipeline.processes.nursery import Nursery

def life(boot):
    child = subprocess.Popen(["sleep", "1000"])
    os.write(int(boot), f"{child.pid}\\n".encode())
    signal.pause()
    return 0

told, tell = os.pipe()
nursery = Nursery.forked("framewire nursery-test nursery", life)
workers = []
for _ in range(3):
    nursery.spawn("a", str(tell).encode())
    workers.append(nursery.news().pid)
text = b""
while text.count(b"\\n") < 3:
    text += os.read(told, 100)
# One has died, and the supervisor is gone, when the nursery looks again.
os.kill(nursery.pid, signal.SIGSTOP)
os.waitid(os.P_PID, nursery.pid, os.WSTOPPED | os.WNOWAIT)
os.kill(workers[0], signal.SIGKILL)
nursery._socket.close()
os.kill(nursery.pid, signal.SIGCONT)
os.waitpid(nursery.pid, 0)
print(*text.split())
"""


def test_what_workers_have_started_goes_with_them_though_nobody_is_left_to_tell() -> None:
    done = subprocess.run([sys.executable, "-c", GROUPS], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    children = [int(word.strip("b'")) for word in done.stdout.split()]
    assert len(children) == 3
    wait_until(lambda: not any(map(is_running, children)), "the end of what they had started", 10)
