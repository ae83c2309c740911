"""What monitoring costs: metrics and page with nobody looking, with Prometheus, with ten viewers.

A video in real time, 100 frames a second, through four light stages; CPU seconds a second of all processes of the run,
including the server, over the same span of each run, rounds interleaved. The workers' part of it (time stamps and
histograms) is always on and cannot be switched off, so it is timed separately. The viewers' own CPU (ten requests a
second each) is not counted. It does not measure a browser.
"""

import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path
from statistics import median
from timeit import timeit

import av
import msgspec
import numpy as np
import psutil
from msgspec import Struct
from rich.console import Console
from rich.table import Table

from bench.film import write_film
from bench.machine import Machine, this_machine
from framewire.pipeline.frame.packet import Packet
from framewire.pipeline.seen.figures import StageFigures

RATE = 100
WIDTH, HEIGHT = 640, 360
ROUNDS = 2
SETTLE_S, SPAN_S = 3.0, 8.0
VIEWERS = 10
PORT = 9897
CASES = ("off", "nobody looks", "Prometheus each second", f"{VIEWERS} viewers")


class WatchingRound(Struct, frozen=True):
    """CPU seconds a second of all processes, and frames written a second."""

    case: str
    cores: float
    fps: float


class Watching(Struct, frozen=True):
    """All rounds; medians against the run without a server; microseconds recording takes a frame and stage."""

    machine: Machine
    rounds: list[WatchingRound]
    more_cores: dict[str, float]
    fps_share: dict[str, float]
    recording_us: float


def watching() -> Watching:
    """Measure."""
    with tempfile.TemporaryDirectory() as folder:
        config = _pipeline(Path(folder))
        rounds = [_round(case, config, Path(folder)) for _ in range(ROUNDS) for case in CASES]
    cores = {case: median(one.cores for one in rounds if one.case == case) for case in CASES}
    fps = {case: median(one.fps for one in rounds if one.case == case) for case in CASES}
    result = Watching(
        this_machine(),
        rounds,
        {case: round(cores[case] - cores["off"], 4) for case in CASES},
        {case: round(fps[case] / fps["off"], 4) for case in CASES},
        round(_recording_us(), 2),
    )
    table = Table(
        "", "cores", "more than without", "fps", title=f"{RATE} frames a second, {result.machine.cores} cores"
    )
    for case in CASES:
        table.add_row(case, f"{cores[case]:.3f}", f"{result.more_cores[case]:+.1%} of a core", f"{fps[case]:.1f}")
    console = Console()
    console.print(table)
    console.print(f"recording takes {result.recording_us:.2f} us a frame and stage")
    return result


def _pipeline(folder: Path) -> Path:
    greys = (
        av.VideoFrame.from_ndarray(np.full((HEIGHT, WIDTH, 3), number, np.uint8), "bgr24") for number in range(2 * RATE)
    )
    clip = write_film(folder / "clip.mp4", greys, (WIDTH, HEIGHT), RATE, {"preset": "ultrafast"})
    stages = {
        "capture": {"source": str(clip), "realtime": True, "loops": 0},
        "drawn": {"use": "annotate", "input": "capture"},
        "again": {"use": "annotate", "input": "drawn"},
        "list": {"use": "jsonl_writer", "input": "again"},
    }
    config = folder / "watching.yaml"
    config.write_bytes(msgspec.yaml.encode({"stages": stages}))
    return config


def _round(case: str, config: Path, folder: Path) -> WatchingRound:
    http = "off" if case == "off" else f"127.0.0.1:{PORT}"
    command = [sys.executable, "run_pipeline.py", "run", str(config), "--out", str(folder / "out"), "--http", http]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    stop = threading.Event()
    try:
        time.sleep(SETTLE_S)
        _lookers(case, stop)
        time.sleep(SETTLE_S)
        lines, cpu, started = _lines(folder), _cpu_s(process.pid), time.monotonic()
        time.sleep(SPAN_S)
        seconds = time.monotonic() - started
        return WatchingRound(
            case, round((_cpu_s(process.pid) - cpu) / seconds, 4), round((_lines(folder) - lines) / seconds, 2)
        )
    finally:
        stop.set()
        process.terminate()
        process.wait()


def _lookers(case: str, stop: threading.Event) -> None:
    if case == CASES[2]:
        threading.Thread(target=_ask, args=("/metrics", 1.0, stop), daemon=True).start()
    elif case == CASES[3]:
        for _ in range(VIEWERS):
            threading.Thread(target=_ask, args=("/streams/capture.jpg?after={}", 0.1, stop), daemon=True).start()
            threading.Thread(target=_ask, args=("/graph.json", 1.0, stop), daemon=True).start()


def _ask(path: str, each_s: float, stop: threading.Event) -> None:
    number = "0"
    while not stop.wait(each_s):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{PORT}{path.format(number)}", timeout=5) as answer:
                answer.read()
                number = answer.headers.get("X-Picture", number)
        except OSError:
            continue


def _cpu_s(pid: int) -> float:
    """Of the run and all its live children."""
    run = psutil.Process(pid)
    times = [process.cpu_times() for process in [run, *run.children(recursive=True)]]
    return sum(one.user + one.system for one in times)


def _lines(folder: Path) -> int:
    path = folder / "out" / "frames.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def _recording_us() -> float:
    """What recording costs a frame at a stage: the stamp on its packet, its wait and its processing time."""
    figures, packet = StageFigures(), Packet(source="s", stream="s", seq=1, window=32, captured=1.0)

    def record() -> None:
        sent = msgspec.structs.replace(packet, sent=time.monotonic())
        figures.wait.add(time.monotonic() - sent.sent)
        figures.called(1, 0.01)
        figures.work.add(0.01)

    count = 100_000
    return timeit(record, number=count) / count * 1e6
