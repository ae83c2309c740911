"""A camera that keeps closing its connection: what each new connection leaves behind in the worker.

Sixty connections, every other one closed before a picture and the rest after two. Memory, file descriptors and threads
of the capture worker are read after every tenth; what grows with them is a leak. It does not measure other ways to lose
a stream (silence, garbage): tests/system does.
"""

import tempfile
import time
from pathlib import Path

import psutil
from msgspec import Struct
from rich.console import Console
from rich.table import Table

from bench.machine import Machine, this_machine
from tests.mjpeg_server import MjpegServer, serving
from tests.system.running import PIPELINES, Running, wait_until

CONNECTIONS = 60
EACH = 10


class Reading(Struct, frozen=True):
    """The capture worker after `connections`."""

    connections: int
    memory_mb: float
    descriptors: int
    threads: int


class Reconnects(Struct, frozen=True):
    """All readings, and the growth of memory from the first to the last."""

    machine: Machine
    readings: list[Reading]
    growth_mb: float


def reconnects() -> Reconnects:
    """Measure."""
    with serving() as server, tempfile.TemporaryDirectory() as folder:
        readings = _run(server, Path(folder))
    result = Reconnects(this_machine(), readings, round(readings[-1].memory_mb - readings[0].memory_mb, 2))
    table = Table("connections", "memory, MB", "descriptors", "threads", title="the capture worker")
    for reading in readings:
        table.add_row(
            *(str(value) for value in (reading.connections, reading.memory_mb, reading.descriptors, reading.threads))
        )
    Console().print(table)
    return result


def _run(server: MjpegServer, folder: Path) -> list[Reading]:
    config = folder / "live.yaml"
    config.write_text((PIPELINES / "live.yaml").read_text().replace("${LIVE_URL}", server.url))
    # Before the first connection: one that never ends would be the last.
    server.behave = "2"
    running = Running(config, folder)
    readings = []
    try:
        worker = running.worker("capture#0")
        for count in range(1, CONNECTIONS + 1):
            server.behave = "2" if count % 2 else "close"
            wait_until(lambda wanted=count: server.connections >= wanted, f"connection {count}")  # type: ignore[misc]
            if count % EACH == 0:
                readings.append(_read(worker, count))
    finally:
        running.process.terminate()
        running.finish()
    return readings


def _read(worker: psutil.Process, count: int) -> Reading:
    # A lost connection's resources are freed a moment later.
    time.sleep(0.2)
    memory = round(worker.memory_info().rss / 1e6, 1)
    return Reading(count, memory, worker.num_fds(), worker.num_threads())
