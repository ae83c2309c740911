"""Progress of a run: a live table in a terminal, a line now and then where there is none."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.live import Live
from rich.logging import RichHandler

from framewire.pipeline.seen.rates import RateMeter, Rates
from framewire.pipeline.seen.snapshot import Snapshot, expected_frames
from framewire.pipeline.seen.summary import Summary, summary_of
from framewire.pipeline.seen.view import view_of
from framewire.pipeline.terminal.display.live_table import live_table

LINE_S = 5.0
"""Between two lines of progress in a log: frequent enough to show life, rare enough to read."""

MEGA = 1e6
WORTH_TELLING = 0.1
"""MB/s: marks and packets without pictures are less."""

log = logging.getLogger("framewire")


class Shows(Protocol):
    """Shows a run's progress."""

    def show(self, look: Callable[[], Snapshot]) -> None:
        """Show the snapshot that `look` takes; called a few times a second."""


@contextmanager
def progress_on(console: Console, name: str, formatter: logging.Formatter | None = None) -> Iterator[Shows]:
    """Progress and log on this console for as long as the context lasts; `formatter` is for log lines."""
    handler: logging.Handler
    if not console.is_terminal or formatter is not None:
        handler = logging.StreamHandler()
        handler.setFormatter(formatter or logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S"))
        with _logging_to(handler):
            yield _Lines(name)
        return
    # Redrawn when the supervisor calls `show`: no thread that a fork could catch.
    live = Live(console=console, auto_refresh=False, transient=True)
    handler = RichHandler(console=console, show_path=False, log_time_format="%H:%M:%S")
    with _logging_to(handler), live:
        yield _Table(live)


@contextmanager
def _logging_to(handler: logging.Handler) -> Iterator[None]:
    before, level = log.propagate, log.level
    log.addHandler(handler)
    log.propagate = False
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.propagate = before
        log.setLevel(level)


class _Table:
    def __init__(self, live: Live) -> None:
        self._live = live
        self._meter = RateMeter()

    def show(self, look: Callable[[], Snapshot]) -> None:
        now = look()
        self._live.update(live_table(view_of(now, self._meter.take(now))), refresh=True)


class _Lines:
    def __init__(self, name: str) -> None:
        self._name = name
        self._meter = RateMeter()
        self._due = time.monotonic() + LINE_S

    def show(self, look: Callable[[], Snapshot]) -> None:
        clock = time.monotonic()
        if clock >= self._due:
            self._due = clock + LINE_S
            now = look()
            log.info("%s: %s", self._name, ", ".join([words(summary_of(now)), *places(now, self._meter.take(now))]))


def places(now: Snapshot, rates: Rates) -> list[str]:
    """What is waited for, and what crosses between machines: `waiting for n1 (12 s)`, `home>n1 83.0 MB/s`."""
    waiting = [one.trouble for one in now.machines.values() if one.trouble]
    carrying = [(name, rate.bytes_s / MEGA) for name, rate in rates.links.items()]
    return waiting + [f"{name} {mega:.1f} MB/s" for name, mega in carrying if mega >= WORTH_TELLING]


def words(summary: Summary) -> str:
    """A run's progress in a line."""
    total = expected_frames(summary.streams.values())
    settled = summary.frames.admitted - summary.frames.in_flight
    parts = [f"{settled}{f' of {total}' if total is not None else ''} frames"]
    parts.append(f"{summary.fps:.1f} fps" if summary.fps else "starting")
    if summary.end_to_end_ms.p50 is not None:
        parts.append(f"{summary.end_to_end_ms.p50:.0f} ms")
    for number, what in (
        (sum(summary.frames.dropped.values()), "dropped"),
        (sum(summary.frames.failed.values()), "failed"),
        (summary.restarts, "restarts"),
    ):
        if number:
            parts.append(f"{number} {what}")
    return ", ".join(parts)
