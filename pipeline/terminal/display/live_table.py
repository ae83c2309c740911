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
MEGA = 1e6
HEADINGS = ("stage", "fps", "p50 ms", "p99 ms", "queue", "busy", "CPU", "replicas", "restarts")
ON = "on"
MACHINE_HEADINGS = ("machine", "up", "cores", "CPU", "memory MB", "workers")
LINK_HEADINGS = ("link", "up", "MB/s", "CPU", "restarts")


def live_table(view: View) -> RenderableType:
    """One line for the run, one per stage, machine and link, one for trouble, one per stream worth showing."""
    trouble = [Text(view.trouble, "yellow")] if view.trouble else []
    places = [*([_machines(view)] if view.machines else []), *([_links(view)] if view.links else [])]
    return Group(_headline(view), _stages(view), *places, *trouble, *_streams(view))


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
    table = _table(HEADINGS)
    if view.machines:
        table.add_column(ON)
    for stage in view.stages:
        limits = stage.name == view.bottleneck
        waits = f"waiting for {', '.join(stage.waits_for)}" if stage.waits_for else ", ".join(stage.machines)
        on = [waits] if view.machines else []
        table.add_row(*_cells(stage, limits), *on, style="yellow" if limits or stage.waits_for else "")
    return table


def _machines(view: View) -> Table:
    table = _table(MACHINE_HEADINGS)
    for one in view.machines:
        table.add_row(
            one.name,
            "up" if one.here else f"away {one.away_s:.0f} s",
            str(one.cores) if one.cores else "-",
            f"{one.rate.cores:.0%}",
            f"{one.resident_bytes / MEGA:.0f}",
            f"{one.up} of {one.workers}",
            style="" if one.here else "yellow",
        )
    return table


def _links(view: View) -> Table:
    table = _table(LINK_HEADINGS)
    for link in view.links:
        limits = link.name == view.bottleneck
        table.add_row(
            f"{link.name} (limits)" if limits else link.name,
            "up" if link.up else "down",
            f"{link.rate.bytes_s / MEGA:.1f}",
            f"{link.rate.cores:.0%}",
            str(link.restarts),
            style="yellow" if limits or not link.up else "",
        )
    return table


def _table(headings: tuple[str, ...]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(headings[0])
    for heading in headings[1:]:
        table.add_column(heading, justify="right")
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
