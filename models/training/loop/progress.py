"""What a training says while it runs, and how it is told to stop."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar


class Progress:
    """A bar for the epoch on a terminal, and a plain line for each epoch; `stopped` once SIGINT or SIGTERM came."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Bar(
            TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn(), console=console, transient=True
        )
        self._row = self._bar.add_task("", visible=False)
        self._epoch = -1
        self.stopped = 0
        """The signal's number."""

    def line(self, text: str) -> None:
        """Say it on a line of its own."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def step(self, epoch: int, step: int, steps: int) -> None:
        """So many of the epoch's steps are done."""
        if epoch != self._epoch:
            self._epoch = epoch
            self._bar.reset(self._row, total=steps, description=f"epoch {epoch + 1}", visible=True)
        self._bar.update(self._row, completed=step)

    @contextmanager
    def shown(self) -> Iterator["Progress"]:
        """Show the bar, if this is a terminal, and let a signal stop the training after its step; a second ends it."""

        def stop(number: int, frame: FrameType | None) -> None:
            self.stopped = number
            for one, kept in before.items():
                signal.signal(one, kept)

        before = {one: signal.signal(one, stop) for one in (signal.SIGINT, signal.SIGTERM)}
        try:
            if self._console.is_terminal:
                self._bar.start()
            yield self
        finally:
            # Without a terminal, the end of a bar is an empty line.
            if self._console.is_terminal:
                self._bar.stop()
            for one, kept in before.items():
                signal.signal(one, kept)
