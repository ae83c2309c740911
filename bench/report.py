"""docs/performance.md, made of the results that lie in bench/results: a table for each measurement, and one plot."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import median
from textwrap import fill
from typing import TypeVar

import msgspec
from msgspec import Struct

from bench.hop import Hop
from bench.inference import InferenceFigures
from bench.live import Live
from bench.machine import Machine
from bench.promises import Promises
from bench.reconnects import Reconnects
from bench.side_by_side import SideBySide
from bench.streams import Streams
from bench.tracks import ATTRIBUTES, Tracks, TracksRun
from bench.watching import CASES, Watching

RESULTS = Path(__file__).parent / "results"
PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
PLOT = PAGE.with_name("speed.png")
TITLE_WIDTH = 40
HEAD = """# What it costs, and how fast it is

Made by `python -m bench`, which measures all of it and writes this page; `python -m bench NAME` measures one part.
Ratios come from runs that took turns (A B A B) in one go, since machines are noisy; figures are medians of such rounds.
What a measurement does and does not say stands at the top of its file in [bench/](../bench). The clips are not in the
repository: without `--clip FILE` the demo is made into one.
"""
T = TypeVar("T", bound=Struct)
Cell = str | float | int | None


def write_report() -> None:
    """Write the page and its plot from what results there are."""
    parts = [section() for section in SECTIONS]
    PAGE.write_text("\n".join([HEAD, *(part for part in parts if part)]))


def _overhead() -> str:
    found = {name: result for name in ("overhead", "full_graph") if (result := _read(name, SideBySide)) is not None}
    if not found:
        return ""
    _plot(found)
    rows = []
    for name, result in found.items():
        rounds = result.rounds
        rows.append(
            [
                WORDS[name],
                _middle(one.loop_1_thread_fps for one in rounds),
                _middle(one.loop_all_threads_fps for one in rounds),
                _middle(one.framewire_fps for one in rounds),
                _middle(one.limit_fps for one in rounds),
                f"{result.share_of_limit:.1%}",
                f"{result.against_loop_all_threads:.2f} x",
            ]
        )
    first = next(iter(found.values()))
    table = _table(
        ["graph", "loop, 1 thread", "loop, all threads", "Framewire", "limit", "of the limit", "against the loop"], rows
    )
    return f"""## Whole graphs, frames a second

{first.clip}, {first.frames} frames, {_machine(first.machine)}. The loop is the tutorial's: the same calls, one
after the other, in one process. The limit is what all cores could do with no engine at all: cores / CPU seconds of the
loop for a frame.

{table}
![Frames a second of the loop, of Framewire, and the limit]({PLOT.name})
"""


def _hop() -> str:
    result = _read("hop", Hop)
    if result is None:
        return ""
    cases = dict.fromkeys((one.width, one.height, one.written) for one in result.rounds)
    rows = [
        [
            f"{width}x{height}",
            "yes" if written else "no",
            _middle(
                one.side_us for one in result.rounds if (one.width, one.height, one.written) == (width, height, written)
            ),
        ]
        for width, height, written in cases
    ]
    table = _table(["picture", "written by the source", "CPU a side, µs"], rows)
    return f"## One hop between processes\n\n{_machine(result.machine)}.\n\n{table}"


def _inference() -> str:
    result = _read("inference", InferenceFigures)
    if result is None:
        return ""
    rows = [
        [one.model, one.batch, one.threads, one.framewire, f"{one.share_of_bare:.0%}", f"{one.against_by_hand:.2f} x"]
        for one in result.rounds
    ]
    table = _table(["model", "batch", "threads", "faces a second", "of a ready tensor", "of crops made by hand"], rows)
    return f"""## Networks

Faces a second through our classifier, beside onnxruntime called with a tensor that lies ready, and with the same crops
prepared by hand; {_machine(result.machine)}.

{table}"""


def _streams() -> str:
    result = _read("streams", Streams)
    if result is None:
        return ""
    rows = [[one.streams, one.cpu_ms, one.capture_ms, one.p99_ms, one.dropped] for one in result.rounds]
    table = _table(["streams", "CPU a frame, ms", "of it capture", "p99 end to end, ms", "dropped"], rows)
    return f"""## Many streams

A frame of the most streams costs {result.growth:.2f} times what it costs alone; {_machine(result.machine)}.

{table}
![CPU of a frame with 1 to 16 streams](../bench/results/streams.png)
"""


def _live() -> str:
    result, lost = _read("live", Live), _read("reconnects", Reconnects)
    if result is None:
        return ""
    text = f"""## From a camera to a file

RTSP, 1280x720, 30 frames a second, YuNet, age, gender and emotion, a video and JSON, {_machine(result.machine)}:
{result.frames} frames, {result.replaced} pictures replaced by newer ones; from capture to the last sink p50
{result.p50_ms:.0f} ms, p99 {result.p99_ms:.0f} ms.
"""
    if lost is not None:
        last = lost.readings[-1]
        text += f"""
A camera that closes its connection {last.connections} times: the capture worker's memory grew by
{lost.growth_mb} MB, to {last.memory_mb} MB; it had {last.descriptors} file descriptors and {last.threads} threads, as
at the beginning.
"""
    return text


def _tracks() -> str:
    result = _read("tracks", Tracks)
    if result is None:
        return ""
    both = (result.every_frame, result.following)
    rows: list[list[Cell]] = [
        ["frames a second", *(run.fps for run in both)],
        ["CPU a frame, ms", *(run.cpu_ms for run in both)],
        ["boxes", *(run.boxes for run in both)],
        ["numbers given", *(run.ids for run in both)],
        *([f"changes of {name} a minute", *(_changes(run, name) for run in both)] for name in ATTRIBUTES),
    ]
    table = _table(["", "each frame searched", "each fifth, classified each tenth"], rows)
    return f"""## Following instead of searching

{result.clip}, {_machine(result.machine)}, with an H.264 file. {result.kept:.1%} of the boxes are kept,
{result.invented:.1%} are new, {result.switches:g} id switches a minute, {result.faster:.2f} times the frames a second.
Changes are what was said, and what `smooth` made of it.

{table}"""


def _changes(run: TracksRun, name: str) -> str:
    return f"{run.raw[name]:g} -> {run.smooth[name]:g}"


def _watching() -> str:
    result, promised = _read("watching", Watching), _read("promises", Promises)
    text = ""
    if result is not None:
        rows: list[list[Cell]] = [
            [case, f"{result.more_cores[case]:+.1%}", f"{result.fps_share[case]:.1%}"] for case in CASES[1:]
        ]
        table = _table(["who looks", "of a core more than without a server", "of the frames a second"], rows)
        text += f"""## Being seen

100 frames a second through four stages, {_machine(result.machine)}. Recording takes {result.recording_us:.2f} µs
a frame and stage.

{table}"""
    if promised is not None:
        rows = [
            [one.change, one.before, one.promised, one.after, f"{one.promised / one.after - 1:+.0%}"]
            for one in promised.promises
        ]
        table = _table(["change", "frames a second before", "promised", "after", "off by"], rows)
        text += f"\nWhat `explain` promises, and what comes of it:\n\n{table}"
    return text


WORDS = {
    "overhead": "tutorial: Haar faces and eyes, drawn, H.264",
    "full_graph": "YuNet at 640, eyes, age, gender, emotion, drawn, mp4v",
}
SECTIONS: tuple[Callable[[], str], ...] = (_overhead, _hop, _inference, _streams, _live, _tracks, _watching)


def _read(name: str, kind: type[T]) -> T | None:
    path = RESULTS / f"{name}.json"
    return msgspec.json.decode(path.read_bytes(), type=kind) if path.exists() else None


def _machine(machine: Machine) -> str:
    return f"{machine.cores} cores of an {machine.processor}, Python {machine.python}"


def _middle(values: Iterable[float]) -> float:
    return round(median(values), 1)


def _table(heads: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    lines = ["| " + " | ".join(heads) + " |", "| --- |" + " ---: |" * (len(heads) - 1)]
    lines += ["| " + " | ".join("" if cell is None else str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _plot(found: dict[str, SideBySide]) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3), layout="constrained")
    for place, (name, result) in enumerate(found.items(), 1):
        axes = figure.add_subplot(1, len(found), place)
        rounds = result.rounds
        bars = {
            "limit": _middle(one.limit_fps for one in rounds),
            "Framewire": _middle(one.framewire_fps for one in rounds),
            "loop, all threads": _middle(one.loop_all_threads_fps for one in rounds),
            "loop, 1 thread": _middle(one.loop_1_thread_fps for one in rounds),
        }
        drawn = axes.barh(list(bars), list(bars.values()), color=["#c8ccd2", "#2563eb", "#8a94a0", "#8a94a0"])
        axes.bar_label(drawn, fmt="%.0f", padding=3)
        axes.set_xlim(right=1.15 * max(bars.values()))
        axes.set_title(fill(WORDS[name], TITLE_WIDTH), fontsize=9)
        axes.set_xlabel("frames a second")
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(str(PLOT), dpi=110)
