"""Kills at random moments: single workers, several at once, the supervisor, the nursery, the whole tree.

Some processes are stopped for a while. A run whose supervisor died is started again with
`--resume`. Each run must end with the files of an undisturbed one: lines to the byte, pictures as they are decoded.
"""

import hashlib
import random
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from msgspec import Struct, field

from tests.system.pictures import decoded
from tests.system.running import Running, run, title

AT_ONCE_MAX = 4
"""Workers killed at one moment."""
SHARE_OF_WORKERS = 0.8
"""Of all moments: at these some workers die; at the others all do, for want of the one that dies."""
SHARE_OF_STOPS = 0.2
"""Of the moments at which workers die: before these, somebody is stopped for up to STOP_MAX_S."""
STOP_MAX_S = 0.5
"""Less than what a stage of a storm's graph may take: it would be killed, and its frame failed."""
PAUSE_MAX_S = 0.8
"""Between two moments at which workers die."""
LIFE_MAX_S = 4.0
"""Before all die: some starts must not come to a frame, most must."""
NO_RESULTS = frozenset({"stdout.txt", "stderr.txt", "summary.json", ".framewire", "failed"})
"""Files and folders in which no results are."""


class Storm(Struct):
    """What a storm was: processes killed by what they are, runs that ended identical, seconds."""

    killed: Counter[str] = field(default_factory=Counter)
    runs: int = 0
    seconds: float = 0.0

    @property
    def kills(self) -> int:
        """Workers killed one by one, nurseries, and whole runs; not those that were only stopped."""
        return sum(self.killed.values()) - self.killed["stopped"]


def results(out: Path) -> dict[str, list[str]]:
    """What a run wrote, by file: a digest of all lines, or of each picture."""
    files = (path.relative_to(out) for path in sorted(out.rglob("*")) if path.is_file())
    return {str(file): _content(out / file) for file in files if NO_RESULTS.isdisjoint(file.parts)}


def _content(path: Path) -> list[str]:
    if path.suffix in (".mp4", ".avi"):
        return decoded(path)
    return [hashlib.sha256(path.read_bytes()).hexdigest()]


def storm(config: Path, kills: int, seed: int) -> Storm:
    """Run a pipeline again and again until so many have been killed.

    Raises AssertionError at the first difference; both folders then stay.
    """
    rng = random.Random(seed)
    done = Storm()
    began = time.monotonic()
    with _folder() as calm:
        assert run(config, calm).code == 0
        wanted = results(calm)
        assert wanted
        while done.kills < kills:
            with _folder() as out:
                _one_run(config, out, kills, rng, done)
                found = results(out)
                where = f"seed {seed}, run {done.runs}; see {out} and {calm}"
                assert found == wanted, f"{_difference(found, wanted)}: {where}"
            done.runs += 1
    done.seconds = time.monotonic() - began
    return done


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder that stays if something is wrong with what is in it."""
    folder = Path(tempfile.mkdtemp(prefix="framewire-storm-"))
    yield folder / "out"
    shutil.rmtree(folder, ignore_errors=True)


def _one_run(config: Path, out: Path, kills: int, rng: random.Random, done: Storm) -> None:
    while True:
        running = Running(config, out, "--resume")
        family = _strike_until_over(running, kills, rng, done)
        finished = running.finish()
        if not family:
            assert finished.code == 0, finished.stderr
            return
        # A new run is refused while one of the old still holds the folder.
        psutil.wait_procs(family, timeout=30)


def _strike_until_over(running: Running, kills: int, rng: random.Random, done: Storm) -> list[psutil.Process]:
    """Kill until the run ends of itself, or its supervisor dies: then returns what was alive."""
    while done.kills < kills:
        is_small = rng.random() < SHARE_OF_WORKERS
        try:
            running.process.wait(rng.uniform(0, PAUSE_MAX_S if is_small else LIFE_MAX_S))
            return []
        except subprocess.TimeoutExpired:
            pass
        everyone = [psutil.Process(running.process.pid), *running.processes()]
        if is_small:
            workers = [process for process in everyone if "#" in title(process)]
            victims = rng.sample(workers, k=min(rng.randint(1, AT_ONCE_MAX), len(workers)))
            if rng.random() < SHARE_OF_STOPS and _stop(rng.choice(everyone), rng.uniform(0, STOP_MAX_S)):
                done.killed["stopped"] += 1
            done.killed["worker"] += _kill(victims)
            continue
        (which,) = rng.choices(("tree", "supervisor", "nursery"), (3, 1, 1))
        if _kill(_of_kind(which, everyone, rng)):
            done.killed[which] += 1
            if which != "nursery":
                return everyone
    return []


def _of_kind(which: str, everyone: list[psutil.Process], rng: random.Random) -> list[psutil.Process]:
    if which == "supervisor":
        return everyone[:1]
    if which == "nursery":
        return [process for process in everyone if title(process).endswith("nursery")]
    return rng.sample(everyone, k=len(everyone))


def _stop(victim: psutil.Process, seconds: float) -> bool:
    """Stop a process for a while; returns whether it was still there."""
    try:
        victim.suspend()
        time.sleep(seconds)
        victim.resume()
    except psutil.NoSuchProcess:
        return False
    return True


def _kill(victims: list[psutil.Process]) -> int:
    killed = 0
    for victim in victims:
        try:
            victim.kill()
            killed += 1
        except psutil.NoSuchProcess:
            continue
    return killed


def _difference(found: dict[str, list[str]], wanted: dict[str, list[str]]) -> str:
    if found.keys() != wanted.keys():
        return f"files {sorted(found)}, not {sorted(wanted)}"
    name = next(name for name in wanted if found[name] != wanted[name])
    return f"{name} differs: {len(found[name])} pictures, not {len(wanted[name])}"
