"""Framewire beside a plain loop of the same calls, on the same clip and cores, and against the limit.

The limit of any arrangement is cores / CPU seconds per frame of the plain loop with one thread: all cores busy with
nothing but the work. What this does not prove: that the work itself could not be done for less.
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import av
import msgspec
import numpy as np
from msgspec import Struct
from rich.console import Console
from rich.table import Table

from bench.loop_figures import LoopFigures
from bench.machine import Machine, this_machine
from pipeline.summary import Summary
from stages.capture.demo import FRAMES, HEIGHT, RATE, WIDTH, Demo

ROUNDS = 3
"""Interleaved A B A B A B: the machine's moods fall on both."""
RUN = Path(__file__).parents[1] / "run_pipeline.py"


class Program(Struct, frozen=True):
    """The same work twice: a pipeline file with the stages that get a replica for each core, and a loop's module."""

    name: str
    config: Path
    replicated: tuple[str, ...]
    loop: str


class Round(Struct, frozen=True):
    """One of each, one after the other; frames per second, and milliseconds of CPU a frame."""

    loop_1_thread_fps: float
    loop_all_threads_fps: float
    loop_cpu_ms: float
    limit_fps: float
    framewire_fps: float
    framewire_cpu_ms: float
    share_of_limit: float


class SideBySide(Struct, frozen=True):
    """All rounds, and the medians."""

    machine: Machine
    clip: str
    frames: int
    rounds: list[Round]
    share_of_limit: float
    against_loop_all_threads: float


def side_by_side(program: Program, clip: Path | None) -> SideBySide:
    """Measure a program on a clip, or on the demo made into a file."""
    machine = this_machine()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        source = clip or demo_clip(out / "demo.mp4")
        rounds = [_round(program, source, machine.cores, out) for _ in range(ROUNDS)]
        frames = _frames(source)
    result = SideBySide(
        machine,
        source.name,
        frames,
        rounds,
        round(median(one.share_of_limit for one in rounds), 3),
        round(median(one.framewire_fps / one.loop_all_threads_fps for one in rounds), 3),
    )
    _show(program, result)
    return result


def demo_clip(path: Path) -> Path:
    """The built-in demo as a video file, so that the plain loop can read it, too."""
    demo = Demo()
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"crf": "20", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        canvas = np.empty((HEIGHT, WIDTH, 3), np.uint8)
        for number in range(FRAMES):
            demo.draw(number, canvas)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(canvas, "bgr24")))
        container.mux(stream.encode(None))
    return path


def _round(program: Program, clip: Path, cores: int, out: Path) -> Round:
    one = _loop(program, clip, 1, out)
    framewire = _framewire(program, clip, cores, out)
    every = _loop(program, clip, cores, out)
    cpu = one.cpu_seconds / one.frames
    limit = cores / cpu
    assert framewire.fps is not None
    return Round(
        loop_1_thread_fps=round(one.frames / one.seconds, 2),
        loop_all_threads_fps=round(every.frames / every.seconds, 2),
        loop_cpu_ms=round(1000 * cpu, 2),
        limit_fps=round(limit, 2),
        framewire_fps=framewire.fps,
        framewire_cpu_ms=round(
            1000 * sum(stage.cpu_s for stage in framewire.stages.values()) / framewire.frames.written, 2
        ),
        share_of_limit=round(framewire.fps / limit, 3),
    )


def _loop(program: Program, clip: Path, threads: int, out: Path) -> LoopFigures:
    done = subprocess.run(
        [sys.executable, "-m", program.loop, str(clip), str(threads), str(out)], stdout=subprocess.PIPE, check=True
    )
    return msgspec.json.decode(done.stdout, type=LoopFigures)


def _framewire(program: Program, clip: Path, workers: int, out: Path) -> Summary:
    summary = out / "summary.json"
    replicas = [f"{stage}.replicas={workers}" for stage in program.replicated]
    subprocess.run(
        [sys.executable, str(RUN), "run", str(program.config), "--source", str(clip), "--out", str(out)]
        + ["--summary", str(summary)]
        + [part for setting in replicas for part in ("--set", setting)],
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return msgspec.json.decode(summary.read_bytes(), type=Summary)


def _frames(clip: Path) -> int:
    with av.open(str(clip)) as container:
        return sum(1 for packet in container.demux(video=0) if packet.size)


def _show(program: Program, result: SideBySide) -> None:
    table = Table(title=f"{program.name} on {result.clip}, {result.frames} frames, {result.machine.cores} cores")
    for heading in (
        "loop, 1 thread",
        "loop, all threads",
        "CPU ms/frame",
        "limit",
        "Framewire",
        "CPU ms/frame",
        "share",
    ):
        table.add_column(heading, justify="right")
    for one in result.rounds:
        table.add_row(
            f"{one.loop_1_thread_fps:.1f} fps",
            f"{one.loop_all_threads_fps:.1f} fps",
            f"{one.loop_cpu_ms:.1f}",
            f"{one.limit_fps:.1f} fps",
            f"{one.framewire_fps:.1f} fps",
            f"{one.framewire_cpu_ms:.1f}",
            f"{one.share_of_limit:.1%}",
        )
    console = Console()
    console.print(table)
    console.print(
        f"median: {result.share_of_limit:.1%} of the limit, "
        f"{result.against_loop_all_threads:.2f} x the loop with all threads"
    )
