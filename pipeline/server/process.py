"""The server's process: it listens to the supervisor and the sinks, and answers requests."""

import asyncio
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
import zmq
import zmq.asyncio
from setproctitle import setproctitle

from framewire.pipeline.metrics.collector import RunCollector, registry_of
from framewire.pipeline.server.boot import ServerBoot
from framewire.pipeline.server.connection import WAIT_S, BoundedConnection
from framewire.pipeline.server.events import Events
from framewire.pipeline.server.known import Known
from framewire.pipeline.server.listen import BACKLOG
from framewire.pipeline.server.log import send_log
from framewire.pipeline.server.pictures import Pictures, find_painter
from framewire.pipeline.server.web import web_app
from framewire.pipeline.wire.inbox import Inbox, Outbox, new_endpoint
from framewire.pipeline.wire.message import (
    Happened,
    LetGo,
    Look,
    RefusedError,
    Seen,
    ServerReady,
    Told,
    decode_for_server,
    encode,
)

log = logging.getLogger("framewire.server")


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Only the supervisor handles Ctrl-C."""
        yield


def run_server(boot: ServerBoot) -> int:
    """Serve until killed; returns the exit status."""
    setproctitle(f"framewire {boot.pipeline} server")
    asyncio.run(_serve(boot))
    return 0


async def _serve(boot: ServerBoot) -> None:
    context = zmq.asyncio.Context()
    plain: zmq.Context[zmq.Socket[bytes]] = zmq.Context.shadow(context.underlying)
    inbox = Inbox(plain, new_endpoint(boot.pipeline, "server"))
    supervisor = Outbox(plain, boot.supervisor)
    send_log(supervisor)
    asyncio.get_running_loop().set_exception_handler(_report)
    collector = RunCollector()
    known = Known(collector)
    pictures = Pictures(lambda width: supervisor.send(encode(Look(width))), find_painter())
    events = Events()

    def let_go(machine: str) -> None:
        supervisor.send(encode(LetGo(machine)))

    app = web_app(known, pictures, events, registry_of(collector), boot.token, let_go)
    config = uvicorn.Config(
        app,
        http=BoundedConnection,
        ws="none",
        backlog=BACKLOG,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        timeout_keep_alive=int(WAIT_S),
    )
    supervisor.send(encode(ServerReady(inbox.endpoint)))
    hearing = asyncio.create_task(_hear(zmq.asyncio.Socket.shadow(inbox.socket), known, pictures, events))
    with socket.socket(fileno=boot.fd) as listening:
        serving = asyncio.create_task(_Server(config).serve(sockets=[listening]))
        done, _ = await asyncio.wait([hearing, serving], return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()


def _report(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What asyncio could not do, such as accept a connection: a line of the log, not a traceback each."""
    error = context.get("exception")
    log.error("%s%s", context["message"], f" ({error})" if error is not None else "")


async def _hear(inbox: zmq.asyncio.Socket, known: Known, pictures: Pictures, events: Events) -> None:
    while True:
        try:
            message = decode_for_server(await inbox.recv())
        except RefusedError:
            continue
        match message:
            case Told():
                known.take(message.snapshot)
            case Seen():
                await pictures.take(message)
            case Happened():
                await events.take(message.events)
