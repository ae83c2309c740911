"""Where a run with other machines listens for their agents, and with which keys."""

import importlib.metadata
from collections.abc import Callable
from pathlib import Path

import zmq

from framewire.pipeline.document.config_error import ConfigError, Place
from framewire.pipeline.graph import PipelineSpec
from framewire.pipeline.line.keys import RunKeys, WrongKeyError, read_run_keys
from framewire.pipeline.line.socket import RunSocket
from framewire.pipeline.machines.machines import Machines, MachinesError

DEFAULT_AGENTS = "127.0.0.1:9798"
DEFAULT_KEYS = Path("keys")


def machines_for(spec: PipelineSpec, address: str, keys: Path) -> Callable[[bool], Machines] | None:
    """Makes the machines of a run when it has forked its nursery; None if all of it runs here.

    Raises ConfigError for an address, or keys, that cannot be used.
    """
    if not spec.machines:
        return None
    host, port = parse_agents_address(address)
    try:
        run_keys = read_run_keys(keys)
    except WrongKeyError as error:
        raise ConfigError(Place("--keys"), str(error)) from error
    for machine in spec.machines:
        if machine not in run_keys.machines:
            raise ConfigError(
                Place(f"--keys {keys}"), f"there is no key for {machine!r}; `framewire machines keys` makes new ones"
            )
    return lambda is_resumed: _listening(spec, host, port, run_keys, is_resumed)


def parse_agents_address(address: str, option: str = "--agents") -> tuple[str, int]:
    """Host and port of HOST:PORT or [IPv6]:PORT. Raises ConfigError."""
    host, colon, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (colon and host and port.isdigit() and int(port) < 2**16):
        raise ConfigError(Place(f"{option} {address}"), f"write it as HOST:PORT, such as {DEFAULT_AGENTS}")
    return host, int(port)


def _listening(spec: PipelineSpec, host: str, port: int, keys: RunKeys, is_resumed: bool) -> Machines:
    try:
        socket = RunSocket(host, port, keys)
    except zmq.ZMQError as error:
        raise MachinesError(f"cannot listen for agents at {host}:{port} ({error.strerror}); set --agents") from error
    return Machines(spec, socket, importlib.metadata.version("framewire"), is_resumed)
