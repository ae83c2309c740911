"""The run that a program has started: a process of its own, tied to it by a socket."""

import contextlib
import fcntl
import logging
import os
import select
import signal
import socket
import sys
import tempfile
from pathlib import Path

import msgspec

from framewire.pipeline.graph import ConfigError, PipelineSpec, load_pipeline
from framewire.pipeline.guest.graft import with_feed, with_guest
from framewire.pipeline.guest.order import IN_CODE, Fault, Invited, Order, Over, Refused, receive_raw, send
from framewire.pipeline.ledger.bookkeeping import Bookkeeping
from framewire.pipeline.output.take_over import NothingToResumeError, TakenOver, TakeOverError
from framewire.pipeline.processes.open_files import raise_limit
from framewire.pipeline.processes.standard_streams import open_all
from framewire.pipeline.server.listen import TOKEN_VARIABLE, Listening, listen
from framewire.pipeline.supervisor import Supervisor
from framewire.pipeline.terminal.display.log_format import JsonFormatter
from framewire.pipeline.terminal.shipped import find_config


def main(fd: int, leash: int) -> None:
    """Take an order from the socket `fd`, run it, and say how it went; the pipe `leash` ends with the program."""
    open_all()
    raise_limit()
    # What the run starts must not hold them.
    os.set_inheritable(fd, False)
    os.set_inheritable(leash, False)
    tie = socket.socket(fileno=fd)
    order = msgspec.msgpack.decode(receive_raw(tie), type=Order)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.getLogger("framewire").addHandler(handler)
    logging.getLogger("framewire").setLevel(logging.INFO)
    try:
        with contextlib.ExitStack() as closing:
            _run(order, tie, leash, closing)
    except ConfigError as error:
        faults = [Fault(_shown(one.place.file, order), one.place.line, one.place.column, one.text) for one in error.all]
        send(tie, Refused(str(error), faults))
    except (TakeOverError, NothingToResumeError) as error:
        send(tie, Refused(str(error)))
    except OSError as error:
        send(tie, Refused(f"{error.filename or order.http}: {error.strerror}"))


def _run(order: Order, tie: socket.socket, leash: int, closing: contextlib.ExitStack) -> None:
    spec = _spec(order)
    if order.out is None:
        out = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="framewire-")))
        books, locks = Bookkeeping(spec, out), []
    else:
        out = Path(order.out)
        taken_over = TakenOver(spec, out, order.resume)
        closing.callback(taken_over.release)
        books, locks = taken_over.books, taken_over.locks
        for news in taken_over.news:
            logging.getLogger("framewire").info("%s", news)
    listening = _listening(order.http)
    supervisor = Supervisor(spec, out, listening, None, books, locks, lambda boot: send(tie, Invited(boot)))
    _end_with(leash)
    outcome, summary = supervisor.run()
    with contextlib.suppress(OSError):
        # Nobody may be there any more.
        send(tie, Over(outcome.value, summary))


def _spec(order: Order) -> PipelineSpec:
    out = Path(order.out) if order.out is not None else Path("out")
    path = find_config(Path(order.config)) if order.text is None else Path(order.config, IN_CODE)
    spec = load_pipeline(path, order.overrides, order.source, out, text=order.text)
    if order.feeds:
        spec = with_feed(spec)
    return spec if order.at is None else with_guest(spec, order.at, keeps_sinks=order.out is not None)


def _shown(file: str, order: Order) -> str:
    """A graph made in code has no file that anybody knows."""
    return IN_CODE if order.text is not None and Path(file).name == IN_CODE else file


def _listening(http: str | None) -> Listening | None:
    return None if http is None else listen(http, os.environ.get(TOKEN_VARIABLE, ""))


def _end_with(leash: int) -> None:
    """Be told to stop when the program is gone: nothing comes through the pipe but its end, of which the kernel tells.

    The parent-death signal would follow the thread that has started us.
    """
    fcntl.fcntl(leash, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(leash, fcntl.F_SETSIG, signal.SIGTERM)
    fcntl.fcntl(leash, fcntl.F_SETFL, fcntl.fcntl(leash, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([leash], [], [], 0)[0]:
        os.kill(os.getpid(), signal.SIGTERM)
