"""`framewire models`: list and describe models, download and verify their files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table

from framewire.models.cannot_load import CannotLoadError
from framewire.models.catalogue.entries import CATALOGUE, UnknownModelError, find_entry
from framewire.models.catalogue.model_entry import Head, ModelEntry
from framewire.models.store.model_store import ModelStore, verify_all

FAILED = 1
WRONG = 2
PLAIN_WIDTH = 120
_HERE = {"good": "yes", "not here": "no", "not trusted": "yes, but pull it with --trust"}

app = typer.Typer(help="Models: list, info, pull, verify.", no_args_is_help=True)

Folder = Annotated[Path | None, typer.Option("--model-dir", help="Folder with your own model files")]
Trust = Annotated[bool, typer.Option("--trust", help="Accept files whose hash is unknown")]


@app.command("list")
def list_models(model_dir: Folder = None) -> None:
    """List the models in the catalogue and which are on disk."""
    console = _console()
    table = Table(box=None, pad_edge=False)
    for heading in ("model", "task", "MB", "licence", "here"):
        table.add_column(heading, overflow="fold")
    for entry, state in verify_all(ModelStore(model_dir), CATALOGUE):
        size = sum(file.size for file in entry.files)
        here = _HERE.get(state, "bad: see `models verify`")
        table.add_row(entry.name, entry.task, f"{size / 1e6:.1f}" if size else "?", entry.licence, here)
    console.print(table)


@app.command()
def info(
    name: Annotated[
        str, typer.Argument(help="A model in the catalogue, or the path of an .onnx file", show_default=False)
    ],
) -> None:
    """Show what is known about a model; for a file, what its card says."""
    if _is_file(name):
        _file_info(Path(name))
        return
    entry = _entry(name)
    asked = entry.input
    side = f"{asked.height} x {asked.width}" if asked.height else f"any multiple of {asked.multiple_of}"
    rows = [
        ("task", entry.task),
        ("runs on", entry.runtime),
        ("origin", entry.origin),
        ("licence", entry.licence),
        ("input", f"{side}, {asked.order}, mean {', '.join(f'{value:g}' for value in asked.mean)}"),
        ("scale", f"{asked.scale:g}"),
        ("output", entry.output),
        *(_says(head) for head in entry.answers),
        ("published", entry.accuracy or "no known figures"),
    ]
    for file in entry.files:
        rows += [(file.name, file.url), ("", f"{file.size or '?'} bytes, sha256 {file.sha256 or 'unknown'}")]
    _print_rows(rows)


@app.command()
def pull(
    names: Annotated[list[str] | None, typer.Argument(help="Models in the catalogue", show_default=False)] = None,
    model_dir: Folder = None,
    trust: Trust = False,
    recommended: Annotated[
        bool, typer.Option("--recommended", help="The models with which the bundled pipelines find more")
    ] = False,
) -> None:
    """Download models into the cache, or find them in your folder, and check them."""
    if not names and not recommended:
        typer.echo("error: name models of the catalogue (see `models list`), or use --recommended", err=True)
        raise typer.Exit(WRONG)
    store = ModelStore(model_dir, trust=trust)
    entries = [_entry(name) for name in names or []]
    if recommended:
        entries += [entry for entry in CATALOGUE if entry.recommended and entry not in entries]
    console = Console(stderr=True)
    with _downloads(console) as progress:
        for entry in entries:
            try:
                for path in store.need(entry, _Bar(progress, entry.name)):
                    typer.echo(f"{entry.name}: {path}")
            except CannotLoadError as error:
                typer.echo(f"error: {error}", err=True)
                raise typer.Exit(FAILED) from error


@app.command()
def verify(model_dir: Folder = None) -> None:
    """Check the files of all models on disk against the catalogue."""
    wrong = False
    for entry, state in verify_all(ModelStore(model_dir), CATALOGUE):
        if state in ("not here", "not trusted"):
            continue
        wrong = wrong or state != "good"
        typer.echo(f"{entry.name}: {state}", err=state != "good")
    raise typer.Exit(FAILED if wrong else 0)


class _Bar:
    """Progress bar of one model."""

    def __init__(self, progress: Progress, name: str) -> None:
        self._progress = progress
        self._task = progress.add_task(name, total=None)

    def start(self, done: int, total: int | None) -> None:
        """See DownloadProgress."""
        self._progress.update(self._task, completed=done, total=total)

    def update(self, count: int) -> None:
        """See DownloadProgress."""
        self._progress.update(self._task, advance=count)


def _is_file(name: str) -> bool:
    """Whether a model is named by its file; the catalogue's names go first."""
    if name.lower().endswith(".onnx"):
        return True
    return all(entry.name != name for entry in CATALOGUE) and Path(name).is_file()


def _file_info(path: Path) -> None:
    if not path.is_file():
        typer.echo(f"error: {path}: {'it is not a file' if path.exists() else 'there is no such file'}", err=True)
        raise typer.Exit(WRONG)
    # Loads onnxruntime, which the other commands do without.
    from framewire.models.store.file_info import rows_of

    try:
        rows, wrong = rows_of(path)
    except (CannotLoadError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(FAILED) from error
    _print_rows(rows)
    if wrong:
        typer.echo(f"error: {wrong}", err=True)
        raise typer.Exit(FAILED)


def _print_rows(rows: Sequence[tuple[str, str]]) -> None:
    console = _console()
    width = max(len(heading) for heading, _ in rows)
    for heading, text in rows:
        console.print(f"{heading:{width}}  {text}", markup=False, highlight=False, soft_wrap=True)


def _says(head: Head) -> tuple[str, str]:
    return ("labels" if head.attribute == "face detection" else head.attribute, ", ".join(head.labels))


def _downloads(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal)


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=PLAIN_WIDTH)


def _entry(name: str) -> ModelEntry:
    try:
        return find_entry(name)
    except UnknownModelError as error:
        path = ModelStore().own_file(name)
        typer.echo(f"error: {error}" + (f"; or say {path}" if path else ""), err=True)
        raise typer.Exit(WRONG) from error
