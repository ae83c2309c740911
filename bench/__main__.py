"""`python -m bench [NAME]...`: runs the named measurements, or all but the storm, and writes bench/results/NAME.json.

Then docs/performance.md is regenerated from all results. A measurement whose model or peer is missing is skipped.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, cast

from framewire.pipeline.terminal.cli import FOR_LIBRARIES

for variable, setting in FOR_LIBRARIES.items():
    os.environ.setdefault(variable, setting)

import msgspec  # noqa: E402
import typer  # noqa: E402
from msgspec import Struct  # noqa: E402

from bench.absent import AbsentError  # noqa: E402
from bench.driver import driver  # noqa: E402
from bench.graphs import graphs  # noqa: E402
from bench.hop import hop  # noqa: E402
from bench.inference import inference  # noqa: E402
from bench.journal import journal  # noqa: E402
from bench.live import live  # noqa: E402
from bench.looped import looped  # noqa: E402
from bench.machines import machines  # noqa: E402
from bench.promises import promises  # noqa: E402
from bench.published import published  # noqa: E402
from bench.reconnects import reconnects  # noqa: E402
from bench.report import write_report  # noqa: E402
from bench.startup import startup  # noqa: E402
from bench.storm import storms  # noqa: E402
from bench.streams import streams  # noqa: E402
from bench.tracks import tracks  # noqa: E402
from bench.transport import transport  # noqa: E402
from bench.watching import watching  # noqa: E402
from framewire.models.finders.haar import can_compile  # noqa: E402
from framewire.models.runtime.provider import PROVIDERS, Device, RuntimeMissingError  # noqa: E402

RESULTS = Path(__file__).parent / "results"
PARTS: dict[str, Callable[[Path | None], Struct]] = {
    "graphs": graphs,
    "startup": lambda clip: startup(),
    "hop": lambda clip: hop(),
    "transport": lambda clip: transport(),
    "inference": lambda clip: inference(),
    "streams": lambda clip: streams(),
    "tracks": tracks,
    "live": live,
    "reconnects": lambda clip: reconnects(),
    "promises": promises,
    "watching": lambda clip: watching(),
    "journal": lambda clip: journal(),
    "looped": looped,
    "published": lambda clip: published(),
    "machines": lambda clip: machines(),
    "driver": lambda clip: driver(),
    "storm": lambda clip: storms(),
}
BY_NAME_ALONE = frozenset({"storm"})
"""Takes half an hour and measures no speed."""


def main(
    names: Annotated[
        list[str] | None, typer.Argument(help=f"Which of {', '.join(PARTS)}; default: all but storm")
    ] = None,
    clip: Annotated[Path | None, typer.Option(help="A video to use; by default the demo, as a file")] = None,
    device: Annotated[str, typer.Option(help=f"What `inference` runs on: {', '.join(PROVIDERS)}")] = "cpu",
) -> None:
    """Measure."""
    if device not in PROVIDERS:
        raise typer.BadParameter(f"no device {device}; choose from {', '.join(PROVIDERS)}")
    for name in names or []:
        if name not in PARTS:
            raise typer.BadParameter(f"no measurement {name}; choose from {', '.join(PARTS)}")
    RESULTS.mkdir(exist_ok=True)
    _compile()
    for name in names or [name for name in PARTS if name not in BY_NAME_ALONE]:
        try:
            on_device = name == "inference" and device != "cpu"
            result = inference(cast(Device, device)) if on_device else PARTS[name](clip)
        except (AbsentError, RuntimeMissingError) as absent:
            print(f"{name} skipped: {absent}\n")
            continue
        path = RESULTS / (f"{name}-{device}.json" if on_device else f"{name}.json")
        path.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n")
        write_report()
        print(f"-> {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}\n")


def _compile() -> None:
    """Let Numba compile the cascade search now, in a process of its own: no measurement is to include that."""
    if can_compile():
        script = "from framewire.models.finders.haar.quick_search import compiled_soon; compiled_soon().result()"
        subprocess.run([sys.executable, "-c", script], check=True)


app = typer.Typer(pretty_exceptions_enable=False)
app.command()(main)
app()
