"""`framewire machines`: what the machines of a run need."""

from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from framewire.pipeline.graph.machines import wrong_name
from framewire.pipeline.graph.spec import HOME
from framewire.pipeline.line.keys import make_keys
from framewire.pipeline.server.listen import DEFAULT
from framewire.pipeline.terminal.elsewhere import NoAnswerError, order
from framewire.pipeline.terminal.exit_code import FAILED, WRONG

app = typer.Typer(help="Machines: create their keys, drain one.", no_args_is_help=True)


@app.callback()
def machines() -> None:
    """Machines beside the one where a run is started."""


@app.command("keys")
def write_keys(
    names: Annotated[list[str], typer.Argument(help="The machines' names", show_default=False)],
    folder: Annotated[Path, typer.Option("--folder", help="Folder for the keys; it must have none yet")] = Path("keys"),
) -> None:
    """Create new keys: home.key stays with the run, NAME.key goes to the machine NAME by a secure channel (scp)."""
    for name in names:
        if wrong := wrong_name(name):
            typer.echo(f"error: {wrong}", err=True)
            raise typer.Exit(WRONG)
        if name == HOME or names.count(name) > 1:
            why = "is the run's own" if name == HOME else "is there twice"
            typer.echo(f"error: the name {name!r} {why}; choose another", err=True)
            raise typer.Exit(WRONG)
    try:
        written = make_keys(folder, names)
    except FileExistsError as error:
        typer.echo(f"error: {error.filename} already exists; all keys are created together: remove it", err=True)
        raise typer.Exit(WRONG) from error
    except OSError as error:
        typer.echo(f"error: {error.filename or folder}: {error.strerror}", err=True)
        raise typer.Exit(FAILED) from error
    for path in written:
        typer.echo(str(path))


@app.command()
def drain(
    name: Annotated[str, typer.Argument(help="The machine's name", show_default=False)],
    url: Annotated[str, typer.Option("--url", help="URL of the run's page")] = f"http://{DEFAULT}",
) -> None:
    """Drain a machine: its streams pause, what is in flight is settled, its agent exits; another may take over."""
    try:
        typer.echo(f"{name}: {order(url, f'/machines/{quote(name)}/drain')}")
    except NoAnswerError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(FAILED) from error
