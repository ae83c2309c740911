"""What one hop between processes costs: CPU on each side, at two picture sizes.

A chain source -> look -> look -> look -> sink moves packets and nothing else; the middle stages receive once and send
once for each frame, so half their CPU is one side of a hop. If any pixel were copied, 1080p would cost more than
64x48; equal costs show that none is. It does not measure latency under load.
"""

import tempfile
from pathlib import Path
from statistics import median

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.table import Table

from bench.machine import Machine, this_machine
from framewire.pipeline.graph import load_pipeline
from framewire.pipeline.seen.summary import Summary
from framewire.pipeline.supervisor import Outcome, Supervisor

ROUNDS = 2
FRAMES = 6000
SIZES = ((64, 48), (1920, 1080))
MIDDLE = ("one", "two", "three")


class HopRound(Struct, frozen=True):
    """One run; microseconds of CPU per frame."""

    width: int
    height: int
    written: bool
    side_us: float
    source_us: float
    fps: float


class Hop(Struct, frozen=True):
    """All runs, and the median cost of one side of a hop by size."""

    machine: Machine
    rounds: list[HopRound]
    side_us: dict[str, float]


def hop() -> Hop:
    """Measure; the sizes take turns."""
    rounds = [_run(*size, write) for _ in range(ROUNDS) for size in SIZES for write in (True, False)]
    sides = {
        f"{width}x{height}": round(
            median(one.side_us for one in rounds if (one.width, one.height) == (width, height)), 1
        )
        for width, height in SIZES
    }
    result = Hop(this_machine(), rounds, sides)
    _show(result)
    return result


def _run(width: int, height: int, write: bool) -> HopRound:
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "chain.yaml")
        config.write_text(_chain(width, height, write))
        outcome, summary = Supervisor(load_pipeline(config), Path(folder)).run()
    assert outcome is Outcome.DONE, summary.error
    return HopRound(
        width,
        height,
        write,
        side_us=round(median(_us(summary, name) for name in MIDDLE) / 2, 1),
        source_us=round(_us(summary, "source"), 1),
        fps=summary.fps or 0.0,
    )


def _us(summary: Summary, stage: str) -> float:
    return 1e6 * summary.stages[stage].cpu_s / FRAMES


def _chain(width: int, height: int, write: bool) -> str:
    options = msgspec.json.encode({"use": "bench.idle_stages:Blank", "count": FRAMES}).decode()[:-1]
    lines = [
        "stages:",
        f'  source: {options}, "width": {width}, "height": {height}, "write": {str(write).lower()}}}',
    ]
    before = "source"
    for name in MIDDLE:
        lines.append(f'  {name}: {{use: "bench.idle_stages:Look", input: {before}}}')
        before = name
    lines.append(f'  sink: {{use: "bench.idle_stages:Gone", input: {before}}}')
    return "\n".join(lines) + "\n"


def _show(result: Hop) -> None:
    table = Table(title=f"one hop, {FRAMES} frames, {result.machine.cores} cores")
    for heading in ("picture", "written", "CPU per side", "CPU of the source", "through the chain"):
        table.add_column(heading, justify="right")
    for one in result.rounds:
        table.add_row(
            f"{one.width}x{one.height}",
            "yes" if one.written else "no",
            f"{one.side_us:.1f} us",
            f"{one.source_us:.1f} us",
            f"{one.fps:.0f} fps",
        )
    Console().print(table)
