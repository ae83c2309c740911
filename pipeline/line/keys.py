"""Keys of a run and of the agents that it admits: CURVE pairs, in files that only their owner reads."""

import errno
import os
import stat
from pathlib import Path
from typing import TypeVar

import msgspec
import zmq
from msgspec import Struct

from framewire.pipeline.graph.spec import HOME

SUFFIX = ".key"
OTHERS = stat.S_IROTH | stat.S_IWOTH
NO_MACHINE = "it is not the key of a machine; give it the file NAME.key"


class WrongKeyError(Exception):
    """A key file cannot be used; the text says which, why, and the cure."""


class AgentKey(Struct, frozen=True, forbid_unknown_fields=True):
    """What an agent has: its own pair, and the public key by which it knows the run. Keys are Z85 text."""

    machine: str
    public: str
    secret: str
    run: str


class RunKeys(Struct, frozen=True, forbid_unknown_fields=True):
    """What the run has: its own pair, and the public key of each machine that it admits."""

    public: str
    secret: str
    machines: dict[str, str]


KeysT = TypeVar("KeysT", AgentKey, RunKeys)


def make_keys(folder: Path, machines: list[str]) -> list[Path]:
    """Write new keys, all or none: `home.key` for the run, NAME.key for each machine.

    Raises OSError; FileExistsError if there are keys of any of these names already.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in (HOME, *machines):
        if os.path.lexists(path := folder / f"{name}{SUFFIX}"):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    public, secret = new_pair()
    pairs = {machine: new_pair() for machine in machines}
    run = RunKeys(public, secret, {machine: pair[0] for machine, pair in pairs.items()})
    keys: dict[str, AgentKey | RunKeys] = {HOME: run}
    keys |= {machine: AgentKey(machine, *pair, public) for machine, pair in pairs.items()}
    paths: list[Path] = []
    try:
        for name, key in keys.items():
            paths.append(_write(folder / f"{name}{SUFFIX}", key))
    except OSError:
        for path in paths:
            path.unlink()
        raise
    return paths


def encode_agent_key(key: AgentKey) -> bytes:
    """The text of its file."""
    return msgspec.json.format(msgspec.json.encode(key), indent=2) + b"\n"


def decode_agent_key(raw: bytes, where: str) -> AgentKey:
    """The key of an agent, of the text of its file. Raises WrongKeyError, which names `where` it came from."""
    return _decode(raw, AgentKey, where, NO_MACHINE)


def read_agent_key(path: Path) -> AgentKey:
    """The key of an agent. Raises WrongKeyError."""
    return _read(path, AgentKey, NO_MACHINE)


def read_run_keys(folder: Path) -> RunKeys:
    """The keys of a run, in `home.key` of this folder. Raises WrongKeyError."""
    return _read(folder / f"{HOME}{SUFFIX}", RunKeys, "it is not the key of a run")


def new_pair() -> tuple[str, str]:
    """A new pair: the public key, and the secret one."""
    public, secret = zmq.curve_keypair()
    return public.decode(), secret.decode()


def _write(path: Path, keys: AgentKey | RunKeys) -> Path:
    opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(opened, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(keys), indent=2) + b"\n")
    except OSError:
        path.unlink()
        raise
    return path


def _read(path: Path, kind: type[KeysT], otherwise: str) -> KeysT:
    try:
        if path.stat().st_mode & OTHERS:
            raise WrongKeyError(f"{path}: anybody may read this key; `chmod 600 {path}`")
        return _decode(path.read_bytes(), kind, str(path), otherwise)
    except FileNotFoundError as error:
        raise WrongKeyError(f"{path}: no such file; `framewire machines keys` makes the keys") from error
    except OSError as error:
        raise WrongKeyError(f"{path}: {error.strerror}") from error


def _decode(raw: bytes, kind: type[KeysT], where: str, otherwise: str) -> KeysT:
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise WrongKeyError(f"{where}: {otherwise} ({error})") from error
