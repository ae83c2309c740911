"""The plot of `graphs`: bars of frames a second, a panel per graph, and the limit as a line."""

from pathlib import Path
from statistics import median

from bench.graphs import GraphFigures, GraphRun

ONE, MANY = "loop, 1 thread", "loop, all threads"
SHOWN = 720
"""The height that is plotted and reported in full."""


def limit(result: GraphFigures, graph: str, height: int) -> float | None:
    """Frames a second with all cores busy with the loop's calls only; None if there is no loop."""
    runs = [one for one in result.rounds if (one.graph, one.way, one.height) == (graph, ONE, height)]
    return 1000 * result.machine.cores / median(one.cpu_ms for one in runs) if runs else None


def shown_rounds(result: GraphFigures) -> list[GraphRun]:
    """The runs of the first graph's first way at the height shown: one a round."""
    first = result.rounds[0]
    return [one for one in result.rounds if (one.graph, one.way, one.height) == (first.graph, first.way, SHOWN)]


def draw_graphs(result: GraphFigures, path: Path) -> None:
    """Write the plot."""
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(one.graph for one in result.rounds))
    figure = Figure(figsize=(13, 2.8), layout="constrained")
    for place, graph in enumerate(names, 1):
        axes = figure.add_subplot(1, len(names), place)
        runs = [one for one in result.rounds if one.graph == graph and one.height == SHOWN]
        ways = list(dict.fromkeys(one.way for one in runs))[::-1]
        fps = [median(one.fps for one in runs if one.way == way) for way in ways]
        colours = ["#2563eb" if way.startswith("Framewire") else "#8a94a0" for way in ways]
        axes.bar_label(axes.barh(ways, fps, color=colours), fmt="%.0f", padding=3)
        line = limit(result, graph, SHOWN)
        if line:
            axes.axvline(line, color="#c2410c", linestyle=":")
        axes.set_xlim(right=1.15 * max(*fps, line or 0.0))
        axes.set_title(f"{graph}, {SHOWN}p", fontsize=9)
        axes.set_xlabel("frames a second; dotted: limit of the loop's calls", fontsize=7)
        axes.tick_params(labelsize=7)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(str(path), dpi=110)
