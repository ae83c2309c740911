"""Arguments and options that several commands take."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from framewire.pipeline.terminal.shipped import shipped_names


class EngineName(StrEnum):
    """Engines of `run`."""

    LOCAL = "local"
    AGENTS = "agents"
    RAY = "ray"


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
    str, typer.Option("--agents", metavar="HOST:PORT", help="Where this run listens for the agents of other machines")
]
Keys = Annotated[Path, typer.Option("--keys", help="The folder with home.key, for runs with other machines")]
Engine = Annotated[
    EngineName | None, typer.Option("--engine", help="What runs the stages; overrides the pipeline file")
]
RayAddress = Annotated[
    str | None,
    typer.Option(
        "--ray-address",
        metavar="HOST:PORT",
        help="The Ray cluster, with engine ray; default: $RAY_ADDRESS, or a local Ray for this run only",
    ),
]
InsecureRay = Annotated[
    bool, typer.Option("--insecure-ray", help="Use a Ray cluster even if anyone who can reach it can run code there")
]
SummaryFile = Annotated[Path | None, typer.Option("--summary", help="Write the summary as JSON to this file")]
TraceFilePath = Annotated[
    Path | None, typer.Option("--trace", help="Write a frame trace to this file, for ui.perfetto.dev")
]
