"""What a run is: all that its results follow from. A killed run may only be resumed as the same one."""

import glob
import hashlib
import importlib.metadata
import inspect
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec
from msgspec import Struct

from framewire.pipeline.graph.spec import PipelineSpec, StageSpec
from framewire.pipeline.input_path import as_glob, inputs_of
from framewire.pipeline.option import check_values, options_of
from framewire.pipeline.registry import find_stage
from framewire.pipeline.stage import Source, Stage, StageError

ENDS_BYTES = 2**16
"""Read at each end of a file: a film's header, index and last pictures."""
OWN = "framewire."
SECRET = re.compile("pass(word|wd|phrase)|secret|token|credential|(api|private|access)_?key", re.IGNORECASE)
"""Names of options that no difference may show."""
SECRET_KEY = re.compile(f'"[^"]*({SECRET.pattern})[^"]*":', re.IGNORECASE)
"""The same, inside an option's JSON."""


class StageIdentity(Struct, frozen=True, array_like=True):
    """A stage: `options` are those that change results, as JSON; `reads` tells its inputs; `code` is a user's own."""

    use: str
    inputs: tuple[str, ...]
    options: dict[str, str]
    reads: str
    code: str


class RunIdentity(Struct, frozen=True, array_like=True):
    """A run. No address stands in it, only its hash: it may hold a password."""

    version: str
    pipeline: str
    window: str
    stages: dict[str, StageIdentity]


def identity_of(spec: PipelineSpec) -> RunIdentity:
    """The identity of a checked pipeline. Raises StageError if it cannot be resumed, OSError."""
    window = msgspec.json.encode((spec.window, spec.ring_bytes, spec.latency)).decode()
    stages = {stage.name: _identity(stage) for stage in spec.stages}
    return RunIdentity(importlib.metadata.version("framewire"), spec.name, window, stages)


def differences(before: RunIdentity, now: RunIdentity) -> list[str]:
    """In words, what keeps `now` from being the same run as `before`."""
    return list(_differences(before, now))


def _differences(before: RunIdentity, now: RunIdentity) -> Iterator[str]:
    if before.version != now.version:
        yield f"it was begun by Framewire {before.version}, and this is {now.version}"
    if before.pipeline != now.pipeline:
        yield f"it was a run of the pipeline {before.pipeline!r}, not of {now.pipeline!r}"
        return
    if before.window != now.window:
        yield "`window`, `ring_mb` or `latency` is another"
    for name in sorted({*before.stages, *now.stages}):
        if name not in now.stages:
            yield f"it had a stage {name!r}"
        elif name not in before.stages:
            yield f"it had no stage {name!r}"
        else:
            yield from _stage_differences(name, before.stages[name], now.stages[name])


def _stage_differences(name: str, before: StageIdentity, now: StageIdentity) -> Iterator[str]:
    if before.use != now.use:
        yield f"{name!r} was {before.use}, and is {now.use}"
        return
    if before.inputs != now.inputs:
        yield f"{name!r} read {_names(before.inputs)}, and reads {_names(now.inputs)}"
    if before.code != now.code:
        yield f"the code of {before.use} has changed"
    if before.reads != now.reads:
        yield f"{name!r} reads other files: {before.reads}, and now {now.reads}"
    for option in sorted({*before.options, *now.options}):
        old, new = before.options.get(option, "nothing"), now.options.get(option, "nothing")
        if old != new:
            yield f"{name}.{option} was {old}, and is {new}"


def _names(inputs: tuple[str, ...]) -> str:
    return ", ".join(inputs) or "nothing"


def _identity(stage: StageSpec) -> StageIdentity:
    cls = find_stage(stage.use)
    inputs = {option.name for option in options_of(cls.Options) if option.is_input}
    options = {
        name: _hidden(name, value)
        for name, value in stage.options.items()
        if name not in cls.tuning and name not in inputs
    }
    reads = _reads(cls, stage.options) if not stage.machine else _read_elsewhere(cls, stage)
    return StageIdentity(stage.use, stage.inputs, options, reads, _code(cls))


def _hidden(name: str, value: Any) -> str:
    """The value as JSON, but an address, and what seems to be a secret, only as its hash."""
    text = msgspec.json.encode(value).decode()
    kind = "address" if "://" in text else "secret" if SECRET.search(name) or SECRET_KEY.search(text) else ""
    return f"({kind} {_hash(text.encode())})" if kind else text


def _reads(cls: type[Stage[Any]], options: dict[str, Any]) -> str:
    if issubclass(cls, Source):
        told = cls.reads(check_values(cls.Options, options))
        if told is not None:
            return told
    return "; ".join(_input(value) for value in inputs_of(cls.Options, options))


def _read_elsewhere(cls: type[Stage[Any]], stage: StageSpec) -> str:
    """Inputs on another machine: of those that are not sent there, nothing but their names is known here."""
    named = [
        _input(stage.inputs_at[one])
        if one in stage.inputs_at
        else (f"(address {_hash(one.encode())})" if "://" in one else one)
        for one in inputs_of(cls.Options, stage.options)
    ]
    return f"{'; '.join(named)} on {stage.machine}"


def _input(name: str) -> str:
    if name.lower().startswith("file:"):
        return _input(unquote(urlsplit(name).path))
    if "://" in name:
        return f"(address {_hash(name.encode())})"
    path = Path(name)
    if path.is_fifo():
        raise StageError(f"{name} is a pipe: what was read from it cannot be read again")
    if path.is_file():
        return f"{path.name} of {_file(path)}"
    if path.is_dir():
        return f"{path.name}/ of {_files(sorted(path.iterdir()))}"
    pattern = as_glob(name)
    if glob.has_magic(pattern):
        return f"{path.name} of {_files(sorted(map(Path, glob.glob(pattern, recursive=True))))}"  # noqa: PTH207
    return name


def _files(paths: list[Path]) -> str:
    stats = [(path.name, stat.st_size, stat.st_mtime_ns) for path in paths if (stat := path.stat())]
    return f"{len(paths)} files ({_hash(repr(stats).encode())})"


def _file(path: Path) -> str:
    stat = path.stat()
    changed = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(stat.st_mtime))
    with path.open("rb") as file:
        ends = file.read(ENDS_BYTES)
        file.seek(max(0, stat.st_size - ENDS_BYTES))
        ends += file.read(ENDS_BYTES)
    return f"{stat.st_size} bytes, changed {changed} ({_hash(ends + str(stat.st_mtime_ns).encode())})"


def _code(cls: type[Stage[Any]]) -> str:
    """A hash of the module of a stage that is not Framewire's own."""
    file = inspect.getsourcefile(cls)
    return "" if cls.__module__.startswith(OWN) or file is None else _hash(Path(file).read_bytes())


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
