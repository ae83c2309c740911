"""The commands that look at a run, here or elsewhere: top and explain."""

import time
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from framewire.pipeline.seen.explain import Explanation, explain
from framewire.pipeline.seen.summary import Summary
from framewire.pipeline.seen.view import View
from framewire.pipeline.server.listen import DEFAULT
from framewire.pipeline.terminal.display.live_table import live_table
from framewire.pipeline.terminal.elsewhere import NoAnswerError, ask
from framewire.pipeline.terminal.exit_code import FAILED, WRONG

EACH_S = 1.0


def top(
    url: Annotated[str, typer.Argument(help="URL of the run's page")] = f"http://{DEFAULT}/",
    once: Annotated[bool, typer.Option("--once", help="Show once and exit")] = False,
) -> None:
    """Show the live table of a run elsewhere, as `run` does in a terminal."""
    console = Console()
    try:
        view = ask(url, "/graph.json", View)
        if once or not console.is_terminal:
            console.print(live_table(view))
            return
        with Live(live_table(view), console=console, auto_refresh=False) as live:
            while True:
                time.sleep(EACH_S)
                live.update(live_table(ask(url, "/graph.json", View)), refresh=True)
    except NoAnswerError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(FAILED) from error
    except KeyboardInterrupt:
        return


def explain_run(
    what: Annotated[str, typer.Argument(help="File written by `run --summary`, or URL of a run's page")],
) -> None:
    """Explain which stage limits a run, by how much, and what a change would gain."""
    try:
        summary = _summary(what)
    except (NoAnswerError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(FAILED) from error
    except msgspec.DecodeError as error:
        typer.echo(f"error: {what} is not a run summary: {error}", err=True)
        raise typer.Exit(WRONG) from error
    _print(explain(summary), Console(soft_wrap=True))


def _summary(what: str) -> Summary:
    if Path(what).is_file():
        return msgspec.json.decode(Path(what).read_bytes(), type=Summary)
    return ask(what, "/summary.json", Summary)


def _print(found: Explanation, console: Console) -> None:
    console.print(f"{found.fps:.1f} frames a second; {found.words}.", highlight=False, markup=False)
    if not found.changes:
        return
    table = Table("what to try", "frames a second", "ratio", box=None, pad_edge=False, header_style="bold")
    for change in found.changes:
        table.add_row(change.what, f"{change.fps:.1f}", f"{change.fps / found.fps:.2f}")
    console.print(table)
