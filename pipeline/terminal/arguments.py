"""Arguments and options that several commands take."""

from pathlib import Path
from typing import Annotated

import typer

from framewire.pipeline.terminal.shipped import shipped_names

Config = Annotated[
    Path,
    typer.Argument(
        help="A YAML file, or the name of a pipeline that comes with Framewire (see init)",
        show_default=False,
        autocompletion=shipped_names,
    ),
]
Source = Annotated[
    str | None, typer.Option("--source", help="Override the `source` option of the pipeline's only source")
]
Sets = Annotated[
    list[str] | None, typer.Option("--set", metavar="STAGE.OPTION=VALUE", help="Set an option; may be repeated")
]
Out = Annotated[Path, typer.Option("--out", help="The folder that stages write to")]
Agents = Annotated[
    str, typer.Option("--agents", metavar="HOST:PORT", help="Where the agents of other machines find this run")
]
Keys = Annotated[Path, typer.Option("--keys", help="The folder with home.key, for runs with other machines")]
SummaryFile = Annotated[Path | None, typer.Option("--summary", help="Write the summary as JSON to this file")]
TraceFilePath = Annotated[
    Path | None, typer.Option("--trace", help="Write a frame trace to this file, for ui.perfetto.dev")
]
