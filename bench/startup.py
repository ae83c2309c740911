"""From the command to the first frame written, and the memory that each worker takes.

The demo is started as a user starts it; the clock stops when its list has a first line. Memory is read when a hundred
frames are written: what belongs to a worker alone (USS, without what it shares with others: code, and the rings, which
are counted once, for their source) and that plus its share of the rest (PSS).
"""

import subprocess
import tempfile
import time
from pathlib import Path
from statistics import median

import psutil
from msgspec import Struct
from rich.console import Console

from bench.absent import AbsentError, need_models
from bench.machine import Machine, this_machine
from tests.system.running import command, lines_in, wait_until

ROUNDS = 3
HERE = Path(__file__).parents[1]
DEMO, FULL = "demo", "YuNet, age, gender, emotion"
GRAPHS = {DEMO: HERE / "configs" / "demo.yaml", FULL: HERE / "bench" / "full_graph.yaml"}
LOOK_AT = 100
MEGABYTE = 1e6


class WorkerMemory(Struct, frozen=True):
    """Megabytes, median of the rounds."""

    graph: str
    worker: str
    own_mb: float
    with_shared_mb: float


class Startup(Struct, frozen=True):
    """Seconds to the first line of each round, by graph; and memory."""

    machine: Machine
    first_s: dict[str, list[float]]
    memory: list[WorkerMemory]


def startup() -> Startup:
    """Measure."""
    graphs = _graphs()
    first: dict[str, list[float]] = {name: [] for name in graphs}
    memory: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for _ in range(ROUNDS):
        for name, config in graphs.items():
            seconds, workers = _run(config)
            first[name].append(round(seconds, 2))
            for worker, found in workers.items():
                memory.setdefault((name, worker), []).append(found)
    result = Startup(
        this_machine(),
        first,
        [
            WorkerMemory(*key, *(round(median(one[side] for one in found), 1) for side in (0, 1)))
            for key, found in memory.items()
        ],
    )
    Console().print(result)
    return result


def _graphs() -> dict[str, Path]:
    """The graphs whose models are here."""
    try:
        need_models("yunet")
    except AbsentError as absent:
        Console().print(f"left out: {FULL}: {absent}", highlight=False)
        return {DEMO: GRAPHS[DEMO]}
    return GRAPHS


def _run(config: Path) -> tuple[float, dict[str, tuple[float, float]]]:
    with tempfile.TemporaryDirectory() as name:
        out = Path(name)
        started = time.monotonic()
        asked = command("run", str(config), "--out", str(out))
        process = subprocess.Popen(asked, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_until(lambda: _lines(out) >= 1, "the first line")
            seconds = time.monotonic() - started
            wait_until(lambda: _lines(out) >= LOOK_AT, f"line {LOOK_AT}")
            workers = _memory(process.pid)
        finally:
            process.terminate()
            process.wait()
    return seconds, workers


def _lines(out: Path) -> int:
    return sum(lines_in(path) for path in out.glob("*.jsonl"))


def _memory(pid: int) -> dict[str, tuple[float, float]]:
    found = {}
    for child in psutil.Process(pid).children(recursive=True):
        used = child.memory_full_info()
        found[child.cmdline()[0].split()[-1]] = (used.uss / MEGABYTE, used.pss / MEGABYTE)
    return found
