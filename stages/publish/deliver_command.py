"""`framewire deliver OUT`: sends what runs have left waiting in an output folder."""

import logging
import time
from pathlib import Path
from typing import Annotated

import typer
from msgspec import Struct

from framewire.pipeline.graph import ConfigError, load_pipeline
from framewire.pipeline.option import OptionError, check_values
from framewire.pipeline.output.ownership import OwnedError, Ownership
from framewire.pipeline.stage import StageError
from framewire.pipeline.stage_context import StageContext
from framewire.stages.publish.delivery import delivery_of
from framewire.stages.publish.options import PublishOptions, publishing
from framewire.stages.publish.spool import Spool, spools_in

FAILED, WRONG, INTERRUPTED = 1, 2, 130
RUN = "deliver"
"""Under this name stands what this command has done itself; it is no run's id."""
STOP_S = 1.0


class Sent(Struct, frozen=True):
    """What became of one spool's messages."""

    stage: str
    delivered: int
    refused: int
    waiting: int
    trouble: str


class CannotDeliverError(Exception):
    """What is to be sent, and where, cannot be found out; the text says why, and the cure."""


def deliver(
    out: Annotated[Path, typer.Argument(help="Output folder of the run", exists=True, file_okay=False)],
    pipeline: Annotated[
        Path | None, typer.Option(help="The pipeline's file, if it is not where it was", exists=True, dir_okay=False)
    ] = None,
    within_s: Annotated[float, typer.Option("--within", min=0, help="Seconds before giving up")] = 60.0,
) -> None:
    """Send the messages of `publish` that still wait in a run's output folder."""
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    if not spools_in(out):
        typer.echo(f"no messages wait in {out}")
        return
    try:
        ownership = Ownership("deliver", out)
    except OwnedError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(WRONG) from error
    code = 0
    try:
        until = time.monotonic() + within_s
        some = False
        for path in spools_in(out):
            try:
                sent = _send(path, out, pipeline, until)
            except (CannotDeliverError, StageError, OSError) as error:
                typer.echo(f"error: {error}", err=True)
                some, code = True, WRONG
                continue
            if sent is None:
                continue
            some = True
            _tell(sent)
            code = code or (FAILED if sent.waiting else 0)
        if not some:
            typer.echo(f"no messages wait in {out}")
    except KeyboardInterrupt:
        code = INTERRUPTED
    finally:
        ownership.release()
    if code:
        raise typer.Exit(code)


def _send(path: Path, out: Path, pipeline: Path | None, until: float) -> Sent | None:
    """Send what waits in a spool; None if nothing does. Raises CannotDeliverError, StageError, OSError."""
    spool = Spool(path, RUN)
    try:
        if not spool.waiting:
            return None
        origin = spool.origin()
        if origin is None:
            raise CannotDeliverError(f"{path} does not say whose messages these are")
        name, stage, file = origin
        options = _options(Path(file) if pipeline is None else pipeline, stage, out)
        context = StageContext(stage, out, pipeline=name)
        delivery = delivery_of(publishing(options, context), spool, lambda: None)
        delivery.start()
        try:
            delivery.flush(max(0.0, until - time.monotonic()))
        finally:
            delivery.stop(STOP_S)
        return Sent(stage, delivery.delivered, delivery.refused, spool.waiting, delivery.trouble)
    finally:
        spool.close()


def _options(file: Path, stage: str, out: Path) -> PublishOptions:
    """The options of the stage as the pipeline's file has them now."""
    if not file.exists():
        raise CannotDeliverError(f"the pipeline's file {file} is gone; name it with --pipeline")
    try:
        spec = load_pipeline(file, out=out)
        found = spec.stage(stage)
    except ConfigError as error:
        raise CannotDeliverError(str(error)) from error
    except KeyError as error:
        raise CannotDeliverError(f"{file} has no stage {stage!r}; name the pipeline's file with --pipeline") from error
    try:
        options = check_values(PublishOptions, found.options)
    except OptionError as error:
        raise CannotDeliverError(f"{file}: {stage!r} no longer publishes ({error})") from error
    assert isinstance(options, PublishOptions)
    return options


def _tell(sent: Sent) -> None:
    text = f"{sent.stage}: {sent.delivered} delivered, {sent.refused} refused, {sent.waiting} still waiting"
    typer.echo(f"{text} ({sent.trouble})" if sent.waiting and sent.trouble else text)
