"""`framewire events`: what happens in a run, line by line."""

import json
import os
import sys
from http.client import HTTPException, HTTPResponse
from typing import Annotated

import msgspec
import typer

from framewire.pipeline.result.event_line import EventLine
from framewire.pipeline.server.listen import DEFAULT
from framewire.pipeline.terminal.elsewhere import NoAnswerError, answering
from framewire.pipeline.terminal.exit_code import FAILED

SILENT_S = 60.0
"""A server says something every quarter of a minute."""
DATA = b"data: "


def events(
    url: Annotated[str, typer.Argument(help="URL of the run's page")] = f"http://{DEFAULT}/",
    since: Annotated[int, typer.Option(min=0, help="Only events after this number; the last thousand are kept")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON lines: see docs/results.md")] = False,
) -> None:
    """Show what happens in a run: the events so far, then each as it comes, until the run ends."""
    try:
        with answering(url, f"/events?since={since}", SILENT_S) as answer:
            _show_all(answer, as_json)
    except KeyboardInterrupt:
        return
    except BrokenPipeError:
        # `| head` has seen enough; what is left to flush goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except NoAnswerError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(FAILED) from error


def _show_all(answer: HTTPResponse, as_json: bool) -> None:
    """Until the run ends, however its server goes."""
    try:
        for line in answer:
            if line.startswith(DATA):
                _show(line.removeprefix(DATA).rstrip(), as_json)
    except (HTTPException, ConnectionResetError):
        return


def _show(data: bytes, as_json: bool) -> None:
    if as_json:
        typer.echo(data.decode())
        return
    event = msgspec.json.decode(data, type=EventLine)
    when = event.time.removesuffix("Z").replace("T", " ") if event.time else f"{event.pts:.3f} s"
    parts = [when, event.stream, event.kind, event.where]
    if event.track is not None:
        parts.append(f"track {event.track}")
    if event.value is not None:
        parts.append(json.dumps(event.value))
    typer.echo("  ".join(filter(None, parts)))
