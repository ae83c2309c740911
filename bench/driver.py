"""How far one home goes: the ledger's and the lines' traffic of many streams, by agents that only pretend to work.

Each pretended agent speaks the real line (CURVE, numbers, leases) and says for each of its streams, `FPS` times a
second, that a frame is settled; home keeps its books and tells the source the mark. No picture is made anywhere. What
is measured: messages a second that home takes, its CPU and memory, and how long a mark takes from the sink's word to
the source.
"""

import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
from msgspec import Struct
from rich.console import Console
from rich.table import Table

from bench.machine import Machine, this_machine
from bench.ports import free_port
from framewire.pipeline.graph import load_pipeline
from framewire.pipeline.line.keys import make_keys
from framewire.pipeline.seen.snapshot import Snapshot
from framewire.pipeline.supervisor import Supervisor
from framewire.pipeline.terminal.agents_address import Found, machines_for

FPS = 15
STREAMS = (100, 300, 1000)
PER_MACHINE = 20
SECONDS = 15.0


class DriverRound(Struct, frozen=True):
    """One run; `asked_fps` is what the agents would settle, `settled_fps` what home did."""

    streams: int
    machines: int
    asked_fps: float
    settled_fps: float
    home_cpu_share: float
    home_mb: float
    mark_ms_p50: float
    mark_ms_p99: float


class Driver(Struct, frozen=True):
    """All runs."""

    machine: Machine
    rounds: list[DriverRound]


def driver() -> Driver:
    """Measure with more and more streams."""
    result = Driver(this_machine(), [_run(streams) for streams in STREAMS])
    _show(result)
    return result


def _run(streams: int) -> DriverRound:
    machines = streams // PER_MACHINE
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        config = folder / "many.yaml"
        config.write_text(_many(streams, machines))
        make_keys(folder / "keys", [f"n-{number}" for number in range(machines)])
        spec = load_pipeline(config)
        port = free_port()
        marks = folder / "marks.npy"
        pretended = subprocess.Popen(
            [sys.executable, "-m", "bench.pretended_agents", str(port), str(folder / "keys"), str(FPS), str(marks)]
        )
        try:
            found = Found(f"127.0.0.1:{port}", folder / "keys", None, False)
            supervisor = Supervisor(spec, folder / "out", machines=machines_for(spec, folder / "out", found))
            seen = _Seen()
            _, _ = supervisor.run(seen.look)
        finally:
            pretended.wait(60)
        latencies = np.load(marks)
    return DriverRound(
        streams,
        machines,
        streams * FPS,
        round(seen.settled_fps, 1),
        round(seen.cpu_share, 3),
        round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        round(float(np.percentile(latencies, 50)) * 1000, 2),
        round(float(np.percentile(latencies, 99)) * 1000, 2),
    )


class _Seen:
    """Watches a run for a while once it goes, and then tells it to stop."""

    def __init__(self) -> None:
        self.settled_fps = 0.0
        self.cpu_share = 0.0
        self._begun: tuple[float, float, int] | None = None
        self._process = psutil.Process()

    def look(self, snapshot: object) -> None:
        taken: Snapshot = snapshot()  # type: ignore[operator]
        settled = sum(stream.frames.written for stream in taken.streams.values())
        times = self._process.cpu_times()
        cpu, now = times.user + times.system, time.monotonic()
        if self._begun is None:
            if taken.ready and settled:
                self._begun = now, cpu, settled
        elif now - self._begun[0] >= SECONDS:
            seconds = now - self._begun[0]
            self.settled_fps = (settled - self._begun[2]) / seconds
            self.cpu_share = (cpu - self._begun[1]) / seconds
            os.kill(os.getpid(), signal.SIGINT)
            self._begun = now + 1e9, cpu, settled


def _many(streams: int, machines: int) -> str:
    sources = ", ".join(f"s{number}: demo" for number in range(streams))
    return f"""
engine: agents
machines: {{n: {{count: {machines}}}}}
lease_s: 10
stages:
  capture: {{sources: {{{sources}}}, process: cameras, on: {{streams: [n]}}}}
  lines: {{use: jsonl_writer, input: capture, path: a.jsonl}}
"""


def _show(result: Driver) -> None:
    table = Table(title=f"one home, {FPS} frames a second of each stream")
    for heading in ("streams", "machines", "settled/s", "CPU of a core", "memory", "mark p50", "p99"):
        table.add_column(heading, justify="right")
    for one in result.rounds:
        table.add_row(
            str(one.streams),
            str(one.machines),
            f"{one.settled_fps:.0f} of {one.asked_fps:.0f}",
            f"{one.home_cpu_share:.0%}",
            f"{one.home_mb:.0f} MB",
            f"{one.mark_ms_p50:.1f} ms",
            f"{one.mark_ms_p99:.1f} ms",
        )
    Console().print(table)
