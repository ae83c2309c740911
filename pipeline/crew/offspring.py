"""What a process forked by the nursery becomes: a worker, or the server; and the nursery as a program of its own."""

import os
import socket
import sys
from functools import partial
from pathlib import Path

import msgspec
from msgspec import Struct

from framewire.pipeline.graph.spec import PipelineSpec
from framewire.pipeline.link.process import PorterBoot, run_porter
from framewire.pipeline.processes.nursery import Nursery, serve
from framewire.pipeline.registry import UnknownStageError, find_stage
from framewire.pipeline.server.boot import ServerBoot
from framewire.pipeline.user_modules import look_beside
from framewire.pipeline.worker.process import Boot, run_worker

_PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1])['path']; "
    "from framewire.pipeline.crew.offspring import be_nursery; be_nursery(sys.argv[1])"
)


def live(listening_fd: int | None, raw: bytes) -> int:
    """Run what `raw` names; returns the exit status. Only the server keeps the listening socket."""
    boot = msgspec.msgpack.decode(raw, type=Boot | PorterBoot | ServerBoot)
    if isinstance(boot, ServerBoot):
        from framewire.pipeline.server.process import run_server

        return run_server(boot)
    if listening_fd is not None:
        os.close(listening_fd)
    if isinstance(boot, PorterBoot):
        return run_porter(boot)
    return run_worker(boot)


def forked_nursery(spec: PipelineSpec, listening_fd: int | None) -> Nursery:
    """The first nursery of a run. Call it before this process has any thread."""
    return Nursery.forked(_title(spec), partial(live, listening_fd))


class _Program(Struct, frozen=True):
    """The argument of a nursery that is a program: `path` is sys.path, `uses` are the stages to import."""

    title: str
    supervisor: int
    orders: int
    listening: int | None
    inherited: list[int]
    path: list[str]
    folder: str
    uses: list[str]


def executed_nursery(spec: PipelineSpec, listening_fd: int | None, locks: list[int]) -> Nursery:
    """A nursery for a process that has threads by now. It holds `locks`, too, and so does each worker."""
    inherited = [*locks, *([listening_fd] if listening_fd is not None else [])]

    def argv(orders: int) -> list[str]:
        path = [str(Path(place).absolute()) for place in sys.path]
        uses = list(dict.fromkeys(stage.use for stage in spec.stages))
        program = _Program(
            _title(spec), os.getpid(), orders, listening_fd, inherited, path, str(Path(spec.folder).absolute()), uses
        )
        return [sys.executable, "-P", "-c", _PROGRAM, msgspec.json.encode(program).decode()]

    return Nursery.executed(argv, inherited)


def be_nursery(argument: str) -> None:
    """Be what `executed_nursery` has started."""
    program = msgspec.json.decode(argument, type=_Program)
    for fd in (program.orders, *program.inherited):
        # What a stage starts must not hold them.
        os.set_inheritable(fd, False)
    look_beside(program.folder)
    for use in program.uses:
        try:
            find_stage(use)
        except UnknownStageError:
            # It could be imported when the run began: the worker says what is wrong now.
            continue
    orders = socket.socket(fileno=program.orders)
    serve(orders, program.title, program.supervisor, partial(live, program.listening))


def _title(spec: PipelineSpec) -> str:
    return f"framewire {spec.name} nursery"
