"""What a process forked by the nursery becomes: a worker, or the server."""

import os

import msgspec

from framewire.pipeline.server.boot import ServerBoot
from framewire.pipeline.worker.process import Boot, run_worker


def live(listening_fd: int | None, raw: bytes) -> int:
    """Run what `raw` names; returns the exit status. Only the server keeps the listening socket."""
    boot = msgspec.msgpack.decode(raw, type=Boot | ServerBoot)
    if isinstance(boot, ServerBoot):
        from framewire.pipeline.server.process import run_server

        return run_server(boot)
    if listening_fd is not None:
        os.close(listening_fd)
    return run_worker(boot)
