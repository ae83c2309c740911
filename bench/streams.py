"""What one more stream costs: CPU per frame with 1, 2, 4, 8 and 16 streams through the same stages.

All streams are one small video in real time, like cameras; one detector, one tracker and one sink serve them all. If
anything grew with the number of streams, a frame would cost more with sixteen than with one. It does not measure
network streams (whose decoding is the same) or how many streams fit.
"""

import tempfile
from pathlib import Path

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.table import Table

from bench.film import demo_clip, frames_of, write_film
from bench.machine import Machine, this_machine
from framewire.pipeline.graph import load_pipeline
from framewire.pipeline.seen.summary import Summary
from framewire.pipeline.supervisor import Outcome, Supervisor

COUNTS = (1, 2, 4, 8, 16)
WIDTH, HEIGHT, RATE = 480, 270, 12
FRAMES = 120
PLOT = Path(__file__).parent / "results" / "streams.png"


class StreamsRound(Struct, frozen=True):
    """One run; CPU milliseconds per frame, of all processes and of the captures alone."""

    streams: int
    frames: int
    cpu_ms: float
    capture_ms: float
    p99_ms: float | None
    dropped: int


class Streams(Struct, frozen=True):
    """All runs, and how much more a frame costs with the most streams than with one."""

    machine: Machine
    rounds: list[StreamsRound]
    growth: float


def streams() -> Streams:
    """Measure."""
    with tempfile.TemporaryDirectory() as folder:
        large = demo_clip(Path(folder) / "demo.mp4")
        options = {"preset": "veryfast"}
        clip = write_film(Path(folder) / "small.mp4", frames_of(large), (WIDTH, HEIGHT), RATE, options)
        rounds = [_run(count, clip, Path(folder)) for count in COUNTS]
    result = Streams(this_machine(), rounds, round(rounds[-1].cpu_ms / rounds[0].cpu_ms, 3))
    _show(result)
    _plot(result)
    return result


def _run(count: int, clip: Path, folder: Path) -> StreamsRound:
    named = {f"s{number}": str(clip) for number in range(count)}
    pipeline = {
        "window": 8,
        "stages": {
            "cameras": {"use": "capture", "realtime": True, "limit": FRAMES, "sources": named},
            "faces": {"use": "face_detect", "input": "cameras", "width": 240},
            "tracks": {"use": "track", "input": "faces"},
            "list": {"use": "jsonl_writer", "input": "tracks"},
        },
    }
    config = folder / "streams.yaml"
    config.write_bytes(msgspec.yaml.encode(pipeline))
    outcome, summary = Supervisor(load_pipeline(config), folder).run()
    assert outcome is Outcome.DONE, summary.error
    return StreamsRound(
        count,
        summary.frames.written,
        cpu_ms=cpu_ms(summary, tuple(summary.stages)),
        capture_ms=cpu_ms(summary, tuple(named)),
        p99_ms=summary.end_to_end_ms.p99,
        dropped=sum(summary.frames.dropped.values()),
    )


def cpu_ms(summary: Summary, stages: tuple[str, ...]) -> float:
    """CPU milliseconds of these stages for each frame written."""
    return round(1000 * sum(summary.stages[name].cpu_s for name in stages) / summary.frames.written, 3)


def _show(result: Streams) -> None:
    table = Table(title=f"{WIDTH}x{HEIGHT}, {RATE} frames a second, {result.machine.cores} cores")
    for heading in ("streams", "frames", "CPU a frame", "capture alone", "p99, end to end"):
        table.add_column(heading, justify="right")
    for one in result.rounds:
        table.add_row(
            str(one.streams),
            str(one.frames),
            f"{one.cpu_ms:.2f} ms",
            f"{one.capture_ms:.2f} ms",
            f"{one.p99_ms or 0:.1f} ms",
        )
    console = Console()
    console.print(table)
    console.print(f"with {COUNTS[-1]} streams a frame costs {result.growth:.2f} times that with one")


def _plot(result: Streams) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot()
    counts = [one.streams for one in result.rounds]
    axes.plot(counts, [one.cpu_ms for one in result.rounds], marker="o", label="all processes")
    axes.plot(counts, [one.capture_ms for one in result.rounds], marker="o", label="capture")
    axes.set_xscale("log", base=2)
    axes.set_xticks(counts, [str(count) for count in counts])
    axes.set_ylim(bottom=0)
    axes.set_xlabel("streams")
    axes.set_ylabel("CPU a frame, ms")
    axes.legend()
    figure.savefig(str(PLOT), dpi=120)
