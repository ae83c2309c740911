"""`framewire node`: this machine's agent, which serves one run after another."""

import logging
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from framewire.pipeline.agent.home import Home
from framewire.pipeline.agent.session import Session, SessionEnd
from framewire.pipeline.document.config_error import ConfigError
from framewire.pipeline.line.keys import WrongKeyError, decode_agent_key, read_agent_key
from framewire.pipeline.processes.signals import waking
from framewire.pipeline.processes.standard_streams import outlast
from framewire.pipeline.terminal.agents_address import parse_agents_address
from framewire.pipeline.terminal.exit_code import FAILED, INTERRUPTED, WRONG

STDIN = "-"
AGAIN_S = 0.5
"""Between two sessions."""
CODES = {
    SessionEnd.OVER: 0,
    SessionEnd.LOST: FAILED,
    SessionEnd.STOPPED: INTERRUPTED,
    SessionEnd.DISMISSED: 0,
    SessionEnd.REFUSED: WRONG,
    SessionEnd.UNABLE: FAILED,
}


def node(
    join: Annotated[str, typer.Option("--join", metavar="HOST:PORT", help="Where the run listens for agents")],
    key: Annotated[Path, typer.Option("--key", help="This machine's key (see machines keys); -: standard input")],
    name: Annotated[str, typer.Option("--name", help="This machine's name; default: the key's")] = "",
    out: Annotated[Path, typer.Option("--out", help="The folder that stages on this machine write to")] = Path("out"),
    once: Annotated[bool, typer.Option("--once", help="Serve one run, and exit with how it ended")] = False,
) -> None:
    """Run stages on this machine for a run on another. Video files and models are looked up in the current folder."""
    outlast()
    try:
        home = Home(*parse_agents_address(join, "--join"))
        agent_key = read_agent_key(key) if str(key) != STDIN else decode_agent_key(sys.stdin.buffer.read(), "--key -")
        if name and name != agent_key.machine:
            raise WrongKeyError(f"{key}: this is the key of {agent_key.machine!r}, not of {name!r}")
    except (ConfigError, WrongKeyError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(WRONG) from error
    log = logging.getLogger("framewire")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    signals: list[int] = []
    with waking(lambda number, _: signals.append(number)) as woken:
        log.info("%s: looking for a run at %s", agent_key.machine, join)
        while True:
            end = Session(home, agent_key, out, woken, lambda: len(signals)).run()
            log.info("session over: %s", end.value)
            if once or end in (SessionEnd.STOPPED, SessionEnd.DISMISSED, SessionEnd.REFUSED):
                raise typer.Exit(CODES[end])
            time.sleep(AGAIN_S)
