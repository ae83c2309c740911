"""The output folder on the command line: a run takes it over, `framewire recover` finishes what is in it."""

from pathlib import Path
from typing import Annotated

import typer

from framewire.pipeline.graph import PipelineSpec
from framewire.pipeline.output.take_over import Leftovers, NothingToResumeError, TakenOver, TakeOverError
from framewire.pipeline.terminal.exit_code import FAILED, WRONG


def take_over(spec: PipelineSpec, out: Path, resume: bool) -> TakenOver:
    """The folder, for this run alone. Exits if that cannot be, or if there is nothing to resume."""
    try:
        return TakenOver(spec, out, resume)
    except NothingToResumeError as error:
        typer.echo(str(error))
        raise typer.Exit from error
    except TakeOverError as error:
        raise _exit(error) from error


def recover_folder(
    folder: Annotated[Path, typer.Argument(help="The output folder of the run", show_default=False)],
) -> None:
    """Finish the files that a killed run has left in its output folder. The run can then no longer be resumed."""
    count = 0
    try:
        leftovers = Leftovers(folder)
        for recovered in leftovers.recover():
            typer.echo(str(recovered))
            count += 1
    except TakeOverError as error:
        raise _exit(error) from error
    if not count:
        typer.echo(f"there is no unfinished file in {folder}")
    elif leftovers.had_journal:
        typer.echo("the run that wrote them can no longer be resumed")


def _exit(error: TakeOverError) -> typer.Exit:
    typer.echo(f"error: {error}", err=True)
    return typer.Exit(WRONG if error.is_wrong else FAILED)
