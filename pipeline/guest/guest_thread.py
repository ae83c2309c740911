"""The thread in which a guest's worker lives."""

import threading
import traceback
from collections.abc import Callable
from contextlib import suppress

import msgspec
import zmq

from framewire.pipeline.graph.plan import make_plan
from framewire.pipeline.wire.inbox import Outbox
from framewire.pipeline.wire.message import Enough, encode
from framewire.pipeline.worker.process import LAST_WORDS_MS, Boot, Make, live
from framewire.pipeline.worker.teller import Teller


class GuestThread:
    """Joins a run as the worker that `boot` names, and does its work until the run lets it go."""

    def __init__(self, boot: bytes, make: Make, done: Callable[[], None]) -> None:
        """`make` makes the stage, `done` is called at the end."""
        self._boot = msgspec.msgpack.decode(boot, type=Boot)
        self._make = make
        self._done = done
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._supervisor = Outbox(self._context, self._boot.supervisor, LAST_WORDS_MS)
        self._name = f"{self._boot.process}#0"
        self._thread = threading.Thread(target=self._live, name=f"framewire {self._name}", daemon=True)
        self._thread.start()

    @property
    def kind(self) -> str:
        """`source` or `sink`."""
        return self._boot.spec.stage(self._boot.process).kind

    def enough(self) -> None:
        """No more frames are wanted."""
        with suppress(zmq.ZMQError):
            # The run may be over already, and the socket closed.
            self._supervisor.send(encode(Enough(self._name, self._boot.process, "the loop has been left")))

    def _live(self) -> None:
        boot, tell = self._boot, Teller(self._supervisor, self._name)
        plan = make_plan(boot.spec)
        try:
            live(boot, plan, plan.process_of(boot.process), self._context, tell, self._make)
        except Exception as error:
            tell.trouble(boot.process, f"{type(error).__name__}: {error}\n{traceback.format_exc()}")
        finally:
            self._done()
            self._supervisor.close()
            self._context.destroy(linger=LAST_WORDS_MS)
