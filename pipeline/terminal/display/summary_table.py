"""The summary printed at the end of a run."""

from collections import Counter

from rich.console import Console
from rich.table import Table

from framewire.pipeline.seen.figures import KIND_AND_PLACE
from framewire.pipeline.seen.published import Published
from framewire.pipeline.seen.snapshot import Frames
from framewire.pipeline.seen.summary import Summary

MEGA, GIGA = 1e6, 1e9


def print_summary(summary: Summary, console: Console) -> None:
    """Print frames, detections, speed and a table of stages."""
    console.print(f"\n[bold]{summary.pipeline}[/bold]: {frames_in_words(summary.frames)}", highlight=False)
    if summary.detections:
        found = ", ".join(f"{count} {label}" for label, count in summary.detections.items())
        console.print(f"found: {found}", highlight=False, markup=False)
    events = _events(summary)
    if events:
        console.print(f"events: {events}", highlight=False, markup=False)
    if summary.fps:
        delay = summary.end_to_end_ms
        console.print(
            f"{summary.fps:.1f} frames per second over {summary.seconds:.1f} s; "
            f"end to end p50 {_ms(delay.p50)} ms, p99 {_ms(delay.p99)} ms",
            highlight=False,
        )
    for name, stream in summary.streams.items():
        notes = [f"{stream.width}x{stream.height}", f"window {stream.window}"] if stream.window else ["no picture"]
        if stream.damaged:
            notes.append(f"{stream.damaged} damaged pictures")
        if stream.state not in ("", "ended"):
            notes.append(stream.state)
        if stream.reconnects:
            notes.append(f"{stream.reconnects} reconnects")
        notes += [f"{count} skipped ({reason})" for reason, count in stream.skipped.items()]
        words = ", ".join(filter(None, [stream.description, *notes]))
        console.print(f"stream {name}: {words}", highlight=False, markup=False)
    console.print(_stage_table(summary))
    if summary.machines:
        console.print(_machine_table(summary))
    for name, link in summary.links.items():
        lost = f", lost {'once' if link.restarts == 1 else f'{link.restarts} times'}" if link.restarts else ""
        console.print(f"link {name}: {_bytes(link.sent_bytes, summary)}{lost}", highlight=False, markup=False)
    for name, stage in summary.stages.items():
        if stage.skipped:
            console.print(f"{name}: {stage.skipped} frames skipped (lag: skip)", highlight=False, markup=False)
        if stage.published is not None:
            console.print(f"{name}: {messages_in_words(stage.published)}", highlight=False, markup=False)
        for what, how in stage.facts.items():
            console.print(f"{name}: {what} {how}", highlight=False, markup=False)
    if summary.refused_messages:
        console.print(f"{summary.refused_messages} invalid messages were refused", highlight=False)
    if summary.refused_connections:
        console.print(f"{summary.refused_connections} connections from strangers were refused", highlight=False)


def _events(summary: Summary) -> str:
    """`3 enter door, 2 leave door`: events of all streams by kind and place."""
    counts: Counter[str] = Counter()
    for stream in summary.streams.values():
        for name, tally in stream.events.items():
            counts[name.replace(KIND_AND_PLACE, " ").rstrip()] += tally.count
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))


def frames_in_words(frames: Frames) -> str:
    """`300 frames admitted, 299 written, 1 failed (capture:corrupt 1)`."""
    parts = [f"{frames.admitted} frames admitted", f"{frames.written} written"]
    for word, reasons in (("dropped", frames.dropped), ("failed", frames.failed)):
        if reasons:
            each = ", ".join(f"{reason} {count}" for reason, count in reasons.items())
            parts.append(f"{sum(reasons.values())} {word} ({each})")
    if frames.in_flight:
        parts.append(f"{frames.in_flight} in flight")
    return ", ".join(parts)


def messages_in_words(account: Published) -> str:
    """`1200 messages delivered, 4 wait, 1 refused`."""
    parts = [f"{account.delivered} messages delivered"]
    if account.waiting:
        parts.append(f"{account.waiting} wait")
    if account.refused:
        parts.append(f"{account.refused} refused")
    if account.dropped:
        parts.append(f"{account.dropped} dropped")
    return ", ".join(parts)


def _stage_table(summary: Summary) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("stage")
    for heading in ("frames", "p50 ms", "p99 ms", "CPU s", "replicas", "restarts"):
        table.add_column(heading, justify="right")
    for name, stage in summary.stages.items():
        table.add_row(
            name,
            str(stage.count),
            _ms(stage.p50_ms),
            _ms(stage.p99_ms),
            f"{stage.cpu_s:.2f}",
            str(stage.replicas),
            str(stage.restarts),
        )
    return table


def _machine_table(summary: Summary) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("machine")
    for heading in ("cores", "CPU s", "of its cores", "workers", "agents"):
        table.add_column(heading, justify="right")
    table.add_column("stages")
    for name, machine in summary.machines.items():
        whole = machine.cores * summary.seconds
        share = f"{machine.cpu_s / whole:.0%}" if whole else "-"
        cells = [str(machine.cores), f"{machine.cpu_s:.2f}", share, str(machine.workers), str(machine.agents)]
        table.add_row(name, *cells, ", ".join(machine.stages))
    return table


def _bytes(sent: int, summary: Summary) -> str:
    """`1.2 GB, 83.0 MB/s`."""
    size = f"{sent / GIGA:.1f} GB" if sent >= GIGA else f"{sent / MEGA:.1f} MB"
    return f"{size}, {sent / MEGA / summary.seconds:.1f} MB/s" if summary.seconds else size


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}" if value < 10 else f"{value:.1f}"
