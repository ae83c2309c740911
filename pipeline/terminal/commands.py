"""The commands: run, demo, init, check, graph, stages, schema, replay, top, explain. Exit codes: see exit_code."""

import errno
import importlib.metadata
import logging
import os
import re
import sys
from collections.abc import Callable
from enum import StrEnum
from importlib.metadata import EntryPoints, entry_points
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from framewire.pipeline.drawing.mermaid import mermaid
from framewire.pipeline.drawing.svg import svg
from framewire.pipeline.frame.failed_frame import NotAFailedFrameError, load
from framewire.pipeline.frame.ring import PictureLostError
from framewire.pipeline.graph import ConfigError, PipelineSpec, load_pipeline, make_plan
from framewire.pipeline.graph.needs import gpus_in_words
from framewire.pipeline.graph.schema import schema_text
from framewire.pipeline.graph.spec import HOME
from framewire.pipeline.graph.traffic import loads, stages_on
from framewire.pipeline.ledger.bookkeeping import Bookkeeping
from framewire.pipeline.machines.machines import Machines
from framewire.pipeline.nearest import nearest
from framewire.pipeline.processes.open_files import files_missing
from framewire.pipeline.processes.standard_streams import outlast
from framewire.pipeline.registry import UnknownStageError
from framewire.pipeline.result.result import schema_of_results
from framewire.pipeline.server.listen import DEFAULT, OFF, TOKEN_VARIABLE, Listening, listen
from framewire.pipeline.stage import StageError
from framewire.pipeline.supervisor import Outcome, Supervisor
from framewire.pipeline.supervisor.trace_file import TraceFile
from framewire.pipeline.terminal.agents_address import DEFAULT_AGENTS, DEFAULT_KEYS, Found, machines_for
from framewire.pipeline.terminal.arguments import (
    Agents,
    Config,
    Engine,
    InsecureRay,
    Keys,
    Out,
    RayAddress,
    Sets,
    Source,
    SummaryFile,
    TraceFilePath,
)
from framewire.pipeline.terminal.display.log_format import JsonFormatter, LogFormat
from framewire.pipeline.terminal.display.progress import progress_on
from framewire.pipeline.terminal.display.summary_table import print_summary
from framewire.pipeline.terminal.events import events
from framewire.pipeline.terminal.exit_code import FAILED, INTERRUPTED, WRONG
from framewire.pipeline.terminal.looking_on import explain_run, top
from framewire.pipeline.terminal.out_folder import recover_folder, take_over
from framewire.pipeline.terminal.shipped import find_config, shipped_names, starter
from framewire.pipeline.terminal.stage_list import list_stages, show_stage
from framewire.pipeline.terminal.try_out import try_out
from framewire.pipeline.testing import replay as replay_frame
from framewire.pipeline.user_modules import look_beside

COMMANDS = "framewire.commands"
"""The entry-point group in which a package registers a typer app, or a function that typer takes."""
EXIT_CODES = {Outcome.DONE: 0, Outcome.FAILED: FAILED, Outcome.INTERRUPTED: INTERRUPTED}
SIZE = re.compile(r"\b(\d+)x(\d+)\b")
"""A picture's, in what a source says of itself."""
PLAIN_WIDTH = 120
"""Columns if the output is not a terminal: no table of ours is wider."""

app = typer.Typer(
    name="framewire",
    help="Real-time video analytics: a YAML file defines a graph of stages, each in its own process.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


class DrawingFormat(StrEnum):
    """Formats of `graph`."""

    MERMAID = "mermaid"
    SVG = "svg"


@app.command()
def run(
    config: Config,
    source: Source = None,
    out: Out = Path("out"),
    sets: Sets = None,
    summary: SummaryFile = None,
    http: Annotated[
        str | None,
        typer.Option("--http", metavar="HOST:PORT", help=f"Live page and metrics; default {DEFAULT}; {OFF}: none"),
    ] = None,
    trace: TraceFilePath = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Resume a killed or stopped run in the output folder, if there is one"),
    ] = False,
    trace_every: Annotated[int, typer.Option("--trace-every", min=1, help="Trace only every n-th frame")] = 1,
    log_format: Annotated[
        LogFormat, typer.Option("--log-format", help="Text for people, or JSON for programs")
    ] = LogFormat.TEXT,
    agents: Agents = DEFAULT_AGENTS,
    keys: Keys = DEFAULT_KEYS,
    engine: Engine = None,
    ray_address: RayAddress = None,
    insecure_ray: InsecureRay = False,
) -> None:
    """Run a pipeline to its end. Ctrl-C finishes frames in flight; a second one stops at once."""
    outlast()
    spec = _load(config, source, sets, out, summary, trace, engine)
    if missing := files_missing(make_plan(spec).workers):
        _say(missing)
        raise typer.Exit(WRONG)
    machines = _machines(spec, out, Found(agents, keys, ray_address, insecure_ray))
    taken_over = take_over(spec, out, resume)
    listening = _listen(http)
    traced = _trace_file(trace, trace_every)
    supervisor = Supervisor(spec, out, listening, traced, taken_over.books, taken_over.locks, machines=machines)
    console = _console(stderr=True)
    formatter = JsonFormatter() if log_format is LogFormat.JSON else None
    with progress_on(console, spec.name, formatter) as progress:
        if listening is not None:
            logging.getLogger("framewire").info("live page and metrics: %s", listening.url)
        for news in taken_over.news:
            logging.getLogger("framewire").info("%s", news)
        outcome, account = supervisor.run(progress.show)
        _say_how_it_goes_on(taken_over.books, out)
    taken_over.release()
    lost = account.write_or_why_not(summary)
    print_summary(account, _console(stderr=spec.prints))
    for error in (account.error, lost):
        if error:
            _say(error)
    raise typer.Exit(FAILED if lost else EXIT_CODES[outcome])


def _say_how_it_goes_on(books: Bookkeeping, out: Path) -> None:
    if not books.can_be_resumed or not books.ledger.streams:
        return
    cure = "" if books.ledger.complete else f"; or `framewire recover {out}` finishes its files"
    logging.getLogger("framewire").info("this run can be resumed with --resume%s", cure)


@app.command()
def demo(out: Out = Path("out")) -> None:
    """Run the built-in demo: no camera, no download. The same as `run demo`."""
    run(Path("demo"), out=out)


@app.command()
def init(
    name: Annotated[
        str, typer.Argument(help=f"The pipeline: {', '.join(shipped_names())}", autocompletion=shipped_names)
    ] = "faces",
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file if it exists")] = False,
) -> None:
    """Write a commented pipeline file, NAME.yaml, to the current folder, as a starting point for your own."""
    path = Path(f"{name}.yaml")
    if name not in shipped_names():
        near = nearest(name, shipped_names()) or f"; choose from {', '.join(shipped_names())}"
        _say(f"no pipeline {name!r} comes with Framewire{near}")
        raise typer.Exit(WRONG)
    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(starter(name))
    except FileExistsError as error:
        _say(f"{path} already exists; --force overwrites it")
        raise typer.Exit(WRONG) from error
    except OSError as error:
        _say(f"{path} cannot be written: {error.strerror}")
        raise typer.Exit(FAILED) from error
    typer.echo(f"{path} written; run it: framewire run {path}")


@app.command()
def check(
    config: Config,
    source: Source = None,
    out: Out = Path("out"),
    sets: Sets = None,
    summary: SummaryFile = None,
    trace: TraceFilePath = None,
    engine: Engine = None,
    connect: Annotated[
        bool, typer.Option("--connect", help="Open cameras and addresses too, and download models that are missing")
    ] = False,
) -> None:
    """Check a pipeline file, and open what it names: films, models, outputs. No frame is read."""
    spec = _load(config, source, sets, out, summary, trace, engine)
    is_wrong = False
    sizes: dict[str, tuple[int, int]] = {}
    for finding in try_out(spec, connect):
        if size := SIZE.search(finding.text):
            sizes.setdefault(finding.stage, (int(size[1]), int(size[2])))
        is_wrong |= finding.level >= logging.ERROR
        mark = f"{logging.getLevelName(finding.level).lower()}: " if finding.level > logging.INFO else ""
        typer.echo(f"{mark}{finding.stage}: {finding.text}", err=bool(mark))
    _say_where(spec, sizes)
    if is_wrong:
        raise typer.Exit(WRONG)
    typer.echo(f"{config}: valid; {len(spec.stages)} stages in {make_plan(spec).workers} processes")


def _say_where(spec: PipelineSpec, sizes: dict[str, tuple[int, int]]) -> None:
    """Which machine runs what, with how many GPUs, and what each link would carry; nothing where it is but this one."""
    for machine, stages in stages_on(spec).items():
        typer.echo(f"{machine} runs {', '.join(stages) or 'no stage'}")
    for machine in ("", *spec.machines):
        if words := gpus_in_words(make_plan(spec), machine):
            typer.echo(f"{machine or HOME} needs {words}")
    for one in loads(spec, sizes):
        mark = "warning: " if one.is_much else ""
        cure = "; over 1 Gbit/s (118 MB/s): deal the streams out, or use `links: {pixels: jpeg}`" if mark else ""
        typer.echo(f"{mark}{one.link} carries {one.text}{cure}", err=bool(mark))


@app.command()
def graph(
    config: Config,
    format: Annotated[DrawingFormat, typer.Option("--format", help="Mermaid text, or a picture")] = (  # noqa: A002
        DrawingFormat.MERMAID
    ),
    sets: Sets = None,
) -> None:
    """Draw a pipeline's graph."""
    plan_of = {DrawingFormat.MERMAID: mermaid, DrawingFormat.SVG: svg}
    spec = _load(config, None, sets, Path("out"))
    typer.echo(plan_of[format](spec, make_plan(spec)), nl=False)


@app.command()
def stages(
    name: Annotated[str | None, typer.Argument(help="A stage's name, or module:Class", show_default=False)] = None,
) -> None:
    """List all stages, or describe one of them."""
    look_beside(str(Path.cwd()))
    console = _console()
    try:
        if name is None:
            list_stages(console)
        else:
            show_stage(console, name)
    except UnknownStageError as error:
        _say(str(error))
        raise typer.Exit(WRONG) from error


@app.command()
def schema(
    results: Annotated[bool, typer.Option("--results", help="Schema of the lines that jsonl_writer writes")] = False,
) -> None:
    """Write the JSON Schema of pipeline files, for editors."""
    typer.echo(msgspec.json.format(msgspec.json.encode(schema_of_results())).decode() if results else schema_text())


@app.command()
def replay(
    file: Annotated[Path, typer.Argument(help="A frame saved by a run under OUT/failed/", show_default=False)],
) -> None:
    """Rerun a frame that kept crashing a stage, in that stage alone and in this process, for a debugger."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    try:
        frame = load(file)
    except (NotAFailedFrameError, OSError) as error:
        _say(str(error))
        raise typer.Exit(WRONG) from error
    typer.echo(f"frame {frame.packet.seq} of {frame.packet.stream}: running {frame.stage} ({frame.use})")
    try:
        answer = replay_frame(frame)
    except (StageError, UnknownStageError, PictureLostError) as error:
        _say(f"{frame.stage}: {error}")
        raise typer.Exit(FAILED) from error
    typer.echo(f"{frame.stage} processed it: {answer.outcome.word}, {len(answer.detections)} detections")


app.command("recover")(recover_folder)
app.command()(top)
app.command()(events)
app.command("explain")(explain_run)


@app.callback(invoke_without_command=True)
def options(
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit")] = False,
) -> None:
    """Handle the options that stand before any command."""
    if version:
        typer.echo(f"framewire {importlib.metadata.version('framewire')}")
        raise typer.Exit


def run_command_line(arguments: list[str] | None = None) -> None:
    """Run the command that the arguments name; a pipeline alone means `run`. Exits with the command's code."""
    given = sys.argv[1:] if arguments is None else arguments
    brought = entry_points(group=COMMANDS)
    own = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    if not given or given[0].startswith("-"):
        # Only --help loads all of them.
        _add_commands(brought)
    elif given[0] in brought.names:
        _add_commands(brought.select(name=given[0]))
    elif given[0] not in own:
        _check_command(given[0], [*own, *brought.names])
        given = ["run", *given]
    try:
        app(args=given, prog_name="framewire")
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EIO) or error.filename is not None:
            raise
        # Standard output is a disk that is full.
        _say(f"standard output cannot be written: {error.strerror}")
        os._exit(FAILED)


def _check_command(word: str, commands: list[str]) -> None:
    """Reject a word that is neither a pipeline nor like a path, as a mistyped command."""
    if Path(word).suffix or "/" in word or find_config(Path(word)).exists():
        return
    near = nearest(word, commands) or f"; the commands are {', '.join(sorted(commands))}"
    _say(f"unknown command or pipeline {word!r}{near}")
    sys.exit(WRONG)


def _add_commands(points: EntryPoints) -> None:
    """Add commands, and groups of commands, from other packages."""
    for point in points:
        brought = point.load()
        if isinstance(brought, typer.Typer):
            app.add_typer(brought, name=point.name)
        else:
            app.command(point.name)(brought)


def _load(
    config: Path,
    source: str | None,
    sets: list[str] | None,
    out: Path,
    summary: Path | None = None,
    trace: Path | None = None,
    engine: str | None = None,
) -> PipelineSpec:
    written = {"--summary": summary, "--trace": trace}
    try:
        return load_pipeline(find_config(config), sets or [], source, out, also_written=written, engine=engine)
    except ConfigError as error:
        for one in error.all:
            _say(str(one))
        raise typer.Exit(WRONG) from error


def _machines(spec: PipelineSpec, out: Path, found: Found) -> Callable[[Bookkeeping], Machines] | None:
    try:
        return machines_for(spec, out, found)
    except ConfigError as error:
        _say(str(error))
        raise typer.Exit(WRONG) from error


def _listen(http: str | None) -> Listening | None:
    """The server's socket; none if it is off, or not asked for and its default address is taken."""
    if http == OFF:
        return None
    try:
        return listen(http or DEFAULT, os.environ.get(TOKEN_VARIABLE, ""))
    except ConfigError as error:
        _say(str(error))
        raise typer.Exit(WRONG) from error
    except OSError as error:
        trouble = f"cannot listen on {http or DEFAULT} ({error.strerror}); --http HOST:PORT sets another address"
        if http is not None:
            _say(trouble)
            raise typer.Exit(FAILED) from error
        typer.echo(f"warning: {trouble}; this run has no page", err=True)
        return None


def _trace_file(path: Path | None, every: int) -> TraceFile | None:
    try:
        return TraceFile(path, every) if path is not None else None
    except OSError as error:
        _say(f"the trace cannot be written to {path}: {error.strerror}")
        raise typer.Exit(FAILED) from error


def _console(stderr: bool = False) -> Console:
    console = Console(stderr=stderr)
    return console if console.is_terminal else Console(stderr=stderr, width=PLAIN_WIDTH)


def _say(text: str) -> None:
    typer.echo(f"error: {text}", err=True)
