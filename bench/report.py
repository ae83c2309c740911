"""docs/performance.md, made of the results that lie in bench/results: a table for each measurement, and one plot."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import TypeVar

import msgspec
from msgspec import Struct

from bench.graphs import GraphFigures
from bench.graphs_chart import MANY, SHOWN, draw_graphs, limit, shown_rounds
from bench.hop import Hop
from bench.inference import InferenceFigures
from bench.live import Live
from bench.machine import Machine
from bench.promises import Promises
from bench.reconnects import Reconnects
from bench.startup import Startup
from bench.streams import Streams
from bench.tracks import ATTRIBUTES, Tracks, TracksRun
from bench.transport import Transport, cheaper
from bench.watching import CASES, Watching

RESULTS = Path(__file__).parent / "results"
PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
PLOT = PAGE.with_name("speed.png")
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


def _graphs() -> str:
    result = _read("graphs", GraphFigures)
    if result is None:
        return ""
    draw_graphs(result, PLOT)
    parts = [
        f"""## Whole graphs, frames a second

{result.clip}, at three sizes, {_machine(result.machine)}: at 720p medians of {len(shown_rounds(result))} rounds with
the lowest and the highest, others once. The loop is the tutorial's way: the same calls, one after the other, in one
process. The limit is what all cores could do with no engine at all if the calls cost what they cost the loop: cores /
CPU seconds of the loop for a frame. Boxes are those found in a frame of 720p, CPU is for one.

![Frames a second at 720p, and the limit of the loop's calls]({PLOT.name})
"""
    ]
    measured = dict.fromkeys(one.graph for one in result.rounds)
    parts += [f"### {WORDS[graph]}\n\n{_graph(result, graph)}" for graph in measured]
    return "\n".join([*parts, *(f"{line}.\n" for line in result.absent)])


def _graph(result: GraphFigures, graph: str) -> str:
    runs = [one for one in result.rounds if one.graph == graph]
    heights = sorted({one.height for one in runs})
    ways = list(dict.fromkeys(one.way for one in runs))
    base = MANY if MANY in ways else ways[0]
    usual = [one for one in runs if one.way == base]
    rows: list[list[Cell]] = []
    for way in ways:
        found = {height: [one for one in runs if (one.way, one.height) == (way, height)] for height in heights}
        fps = {height: _middle(one.fps for one in ones) for height, ones in found.items()}
        against = [fps[height] / _middle(one.fps for one in usual if one.height == height) for height in heights]
        middle = found[SHOWN]
        rows.append(
            [
                way,
                *(fps[height] for height in heights),
                f"{min(one.fps for one in middle):.1f} to {max(one.fps for one in middle):.1f}",
                _middle(one.cpu_ms for one in middle),
                " ".join(f"{ratio:.2f}" for ratio in against),
                middle[0].boxes,
            ]
        )
    limits = [round(one, 1) for height in heights if (one := limit(result, graph, height)) is not None]
    if limits:
        rows.append(["limit of the loop's calls", *limits, None, None, None, None])
    heads = ["way", *(f"{height}p" for height in heights), f"{SHOWN}p, spread", "CPU, ms", f"x {base}", "boxes"]
    return _table(heads, rows)


def _transport() -> str:
    result = _read("transport", Transport)
    if result is None:
        return ""
    rows: list[list[Cell]] = []
    for size, way in dict.fromkeys((one.size, one.way) for one in result.rounds):
        ones = [one for one in result.rounds if (one.size, one.way) == (size, way)]
        sides = [[getattr(one, side) for one in ones] for side in ("receive_us", "p50_ms", "p99_ms")]
        rows.append(
            [
                size,
                way,
                _middle(one.fps for one in ones),
                _middle(one.send_us for one in ones),
                *(None if None in side else round(median(side), 2) for side in sides),
                f"{cheaper(result, size, way):.1f} x",
            ]
        )
    heads = [
        "picture",
        "way",
        "a second",
        "CPU to send, µs",
        "to receive, µs",
        "p50, ms",
        "p99, ms",
        "CPU beside the ring",
    ]
    absent = "".join(f"\n{name} is not installed.\n" for name in result.absent)
    return f"""## A picture from one process to another

Flat out, and 60 a second for how old it is on arrival; {_machine(result.machine)}.

{_table(heads, rows)}{absent}"""


def _startup() -> str:
    result = _read("startup", Startup)
    if result is None:
        return ""
    first = ", ".join(f"{name}: {median(found):.1f} s" for name, found in result.first_s.items())
    rows: list[list[Cell]] = [[one.graph, one.worker, one.own_mb, one.with_shared_mb] for one in result.memory]
    return f"""## Start, and memory

From the command to the first line written: {first}; {_machine(result.machine)}.
Own memory is what goes when the worker goes (USS); the other figure adds its share of what it has in common with
others, the rings among it (PSS).

{_table(["graph", "worker", "own, MB", "with its share, MB"], rows)}"""


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
    "tutorial-haar": "The tutorial: Haar faces and eyes, drawn, MJPG",
    "faces alone": "Faces alone: Haar faces, drawn, MJPG",
    "landmarks": "YuNet at 640, eyes from its landmarks, drawn, mp4v",
    "full": "YuNet at 640, eyes, age, gender, emotion, drawn, mp4v",
}
SECTIONS: tuple[Callable[[], str], ...] = (
    _graphs,
    _transport,
    _hop,
    _inference,
    _streams,
    _startup,
    _live,
    _tracks,
    _watching,
)


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
