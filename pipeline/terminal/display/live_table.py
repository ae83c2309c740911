"""The live table of a run: what `run` shows in a terminal, and `top` for a run elsewhere."""

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from framewire.pipeline.seen.snapshot import expected_frames
from framewire.pipeline.seen.view import StageView, StreamView, View, is_well

STREAMS_MAX = 8
"""Streams with their own line; if there are more, those in trouble come first."""
BAR_WIDTH = 30
HEADINGS = ("stage", "fps", "p50 ms", "p99 ms", "queue", "busy", "CPU", "replicas", "restarts")


def live_table(view: View) -> RenderableType:
    """One line for the run, one per stage, one for what stages take too long over, one per stream worth showing."""
    trouble = [Text(view.trouble, "yellow")] if view.trouble else []
    return Group(_headline(view), _stages(view), *trouble, *_streams(view))


def _headline(view: View) -> RenderableType:
    frames = view.frames
    settled = frames.admitted - frames.in_flight
    total = expected_frames(view.streams)
    line = Table.grid(padding=(0, 1))
    parts: list[RenderableType] = [Text(view.pipeline, "bold")]
    if total:
        parts.append(ProgressBar(total=total, completed=settled, width=BAR_WIDTH))
    words = [f"{settled}{f' of {total}' if total else ''} frames", f"{view.fps:.1f} fps", f"{view.seconds:.0f} s"]
    for number, what in (
        (sum(frames.dropped.values()), "dropped"),
        (sum(frames.failed.values()), "failed"),
        (sum(sum(stream.skipped.values()) for stream in view.streams), "skipped"),
        *((stage.skipped, f"skipped by {stage.name}") for stage in view.stages),
        *((stage.published.waiting, f"waiting in {stage.name}") for stage in view.stages if stage.published),
    ):
        if number:
            words.append(f"{number} {what}")
    line.add_row(*parts, Text(", ".join(words) if any(stream.window for stream in view.streams) else "starting"))
    return line


def _stages(view: View) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(HEADINGS[0])
    for heading in HEADINGS[1:]:
        table.add_column(heading, justify="right")
    for stage in view.stages:
        limits = stage.name == view.bottleneck
        table.add_row(*_cells(stage, limits), style="yellow" if limits else "")
    return table


def _cells(stage: StageView, limits: bool) -> list[str]:
    rate = stage.rate
    return [
        f"{stage.name} (limits)" if limits else stage.name,
        f"{rate.fps:.1f}",
        _number(rate.p50_ms),
        _number(rate.p99_ms),
        f"{rate.queue:.1f}",
        f"{rate.busy:.0%}",
        f"{rate.cores:.0%}",
        str(stage.replicas),
        str(stage.restarts),
    ]


def _streams(view: View) -> list[Text]:
    if len(view.streams) < 2 and all(is_well(stream.state) for stream in view.streams):
        return []
    troubled_first = sorted(view.streams, key=lambda stream: is_well(stream.state))
    lines = [_stream(stream) for stream in troubled_first[:STREAMS_MAX]]
    if len(view.streams) > STREAMS_MAX:
        lines.append(Text(f"and {len(view.streams) - STREAMS_MAX} more streams"))
    return lines


def _stream(stream: StreamView) -> Text:
    rate = stream.rate
    late = f", {rate.p50_ms:.0f} ms" if rate.p50_ms is not None else ""
    words = f"{stream.name}: {stream.state}, {rate.fps:.1f} fps{late}, window {rate.window_used:.0%}"
    return Text(words, "" if is_well(stream.state) else "yellow")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
