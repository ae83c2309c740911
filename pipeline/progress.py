"""What one sees while a run goes on: a bar where somebody watches, a line now and then where nobody does."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.logging import RichHandler
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from pipeline.summary import Summary

LINE_S = 5.0
"""Between two lines of progress in a log: often enough to see life, seldom enough to read later."""

log = logging.getLogger("framewire")


class Shows(Protocol):
    """Shows how far a run is."""

    def show(self, summary: Summary) -> None:
        """Show the account of now; called a few times a second."""


@contextmanager
def progress_on(console: Console, name: str) -> Iterator[Shows]:
    """Progress and log on this console for as long as the context lasts."""
    handler: logging.Handler
    if not console.is_terminal:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S"))
        with _logging_to(handler):
            yield _Lines(name)
        return
    bar = Progress(
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[words]}"),
        TimeElapsedColumn(),
        console=console,
        # Redrawn when the supervisor shows something: no thread, and none beside a fork.
        auto_refresh=False,
    )
    handler = RichHandler(console=console, show_path=False, log_time_format="%H:%M:%S")
    with _logging_to(handler), bar:
        yield _Bar(bar, name)


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


class _Bar:
    def __init__(self, bar: Progress, name: str) -> None:
        self._bar = bar
        self._task: TaskID = bar.add_task(name, total=None, words="starting")

    def show(self, summary: Summary) -> None:
        if summary.streams:
            self._bar.update(
                self._task, completed=done(summary), total=expected(summary), words=words(summary), refresh=True
            )


class _Lines:
    def __init__(self, name: str) -> None:
        self._name = name
        self._due = time.monotonic() + LINE_S

    def show(self, summary: Summary) -> None:
        now = time.monotonic()
        if now >= self._due:
            self._due = now + LINE_S
            total = expected(summary)
            of = f" of {total}" if total is not None else ""
            log.info("%s: %d%s frames, %s", self._name, done(summary), of, words(summary))


def done(summary: Summary) -> int:
    """Frames that are settled, whatever became of them."""
    return summary.frames.admitted - summary.frames.in_flight


def expected(summary: Summary) -> int | None:
    """Frames of all streams together, where all of them know."""
    known = [stream.expected for stream in summary.streams.values()]
    return None if not known or None in known else sum(count for count in known if count is not None)


def words(summary: Summary) -> str:
    """The figures beside the bar."""
    parts = [f"{summary.fps:.1f} fps" if summary.fps else "starting"]
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
