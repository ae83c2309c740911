"""Where a run with other machines listens for their agents, and with which keys."""

import importlib.metadata
import importlib.util
import os
from collections.abc import Callable
from pathlib import Path

import zmq
from msgspec import Struct

from framewire.pipeline.document.config_error import ConfigError, Place
from framewire.pipeline.engine.ray_machines import ray_machines
from framewire.pipeline.graph import PipelineSpec, make_plan
from framewire.pipeline.ledger.bookkeeping import Bookkeeping
from framewire.pipeline.line.keys import RunKeys, WrongKeyError, read_run_keys
from framewire.pipeline.line.modules import ModulesError
from framewire.pipeline.line.socket import RunSocket
from framewire.pipeline.machines.luggage import FilesError, Luggage, luggage_of
from framewire.pipeline.machines.machines import Machines, MachinesError
from framewire.pipeline.machines.past import Past, past_of
from framewire.pipeline.server.listen import is_loopback, parse_address

DEFAULT_AGENTS = "127.0.0.1:9798"
DEFAULT_KEYS = Path("keys")
SEAL_MISSING = 'pictures to other machines are encrypted: `pip install "framewire[machines]"` here and on those'
RAY_ADDRESS = "RAY_ADDRESS"
"""Ray's own variable: `ray job submit` sets it."""


class Found(Struct, frozen=True):
    """How other machines are found: the options of a run. An empty `ray_address` is a Ray of the run's own."""

    agents: str
    keys: Path
    ray_address: str | None
    is_ray_insecure: bool


def machines_for(spec: PipelineSpec, out: Path, found: Found) -> Callable[[Bookkeeping], Machines] | None:
    """Makes the machines of a run when it has forked its nursery; None if all of it runs here.

    Raises ConfigError for an address, keys, modules or files that cannot be used.
    """
    if spec.engine != "ray" and (found.ray_address is not None or found.is_ray_insecure):
        option = "--ray-address" if found.ray_address is not None else "--insecure-ray"
        raise ConfigError(Place(option), f"the engine is {spec.engine}; add --engine ray")
    if not spec.machines:
        return None
    if _seals(spec, found) and importlib.util.find_spec("cryptography") is None:
        raise ConfigError(Place("links"), SEAL_MISSING)
    try:
        luggage = luggage_of(spec)
    except (ModulesError, FilesError) as error:
        raise ConfigError(Place(spec.file), str(error)) from error
    except OSError as error:
        raise ConfigError(Place(error.filename or spec.folder), f"cannot be read: {error.strerror}") from error
    if spec.engine == "ray":
        return _ray(spec, luggage, out, found)
    host, port = parse_agents_address(found.agents)
    run_keys = _keys(spec, found.keys)
    return lambda books: _listening(spec, luggage, out, host, port, run_keys, past_of(books, spec))


def _seals(spec: PipelineSpec, found: Found) -> bool:
    """Whether packets cross to other machines encrypted, as far as is known before these have come."""
    if all(process.towards is None for process in make_plan(spec).processes):
        return False
    if spec.engine == "ray":
        return spec.links.secure == "always" or bool(found.ray_address)
    return spec.links.secure == "always" or not is_loopback(parse_agents_address(found.agents)[0])


def _keys(spec: PipelineSpec, keys: Path) -> RunKeys:
    try:
        run_keys = read_run_keys(keys)
    except WrongKeyError as error:
        raise ConfigError(Place("--keys"), str(error)) from error
    for machine in spec.machines:
        if machine not in run_keys.machines:
            raise ConfigError(
                Place(f"--keys {keys}"), f"there is no key for {machine!r}; `framewire machines keys` makes new ones"
            )
    return run_keys


def _ray(spec: PipelineSpec, luggage: Luggage, out: Path, found: Found) -> Callable[[Bookkeeping], Machines]:
    """Ray's agents; in a job of Ray's own, its cluster is in the environment."""
    if importlib.util.find_spec("ray") is None:
        raise ConfigError(Place("engine: ray"), 'Ray is not installed; `pip install "framewire[ray]"`')
    option = "--ray-address" if found.ray_address is not None else RAY_ADDRESS
    address = found.ray_address if found.ray_address is not None else os.environ.get(RAY_ADDRESS, "")
    if address in ("", "local"):
        return lambda books: ray_machines(spec, luggage, "", found.is_ray_insecure, out, past_of(books, spec))
    if "://" in address:
        raise ConfigError(Place(f"{option} {address}"), "a run must be on a node of the cluster; give its HOST:PORT")
    parse_agents_address(address, option)
    return lambda books: ray_machines(spec, luggage, address, found.is_ray_insecure, out, past_of(books, spec))


def parse_agents_address(address: str, option: str = "--agents") -> tuple[str, int]:
    """Host and port of HOST:PORT or [IPv6]:PORT. Raises ConfigError."""
    return parse_address(address, option, DEFAULT_AGENTS)


def _listening(
    spec: PipelineSpec, luggage: Luggage, out: Path, host: str, port: int, keys: RunKeys, past: Past
) -> Machines:
    try:
        socket = RunSocket(host, port, keys)
    except zmq.ZMQError as error:
        raise MachinesError(f"cannot listen for agents on {host}:{port} ({error.strerror}); set --agents") from error
    return Machines(spec, socket, importlib.metadata.version("framewire"), past, luggage, out)
