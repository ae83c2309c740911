"""Manages the HTTP server's process: started beside the workers, sent snapshots, restarted when it dies."""

import logging
import time
from collections.abc import Callable, Iterable, Set

import msgspec
import zmq

from framewire.pipeline.crew.worker_record import WorkerRecord
from framewire.pipeline.frame.happening import Happening
from framewire.pipeline.seen.snapshot import Snapshot
from framewire.pipeline.server.listen import Listening
from framewire.pipeline.supervisor.happenings import Happenings
from framewire.pipeline.wire.inbox import Outbox
from framewire.pipeline.wire.message import Happened, Look, Told, Watch, encode

TOKEN = "=server"
"""Its name at the nursery: no worker can have it."""
TELL_S = 1.0
"""It gets a snapshot this often: Prometheus asks every few seconds, a person looks once a second."""
START_AFTER_S = 2.0
"""It starts when all workers are ready, or after this long: loading it must not delay the first frame."""
AGAIN_S = 1.0
DEATHS_MAX = 5
WATCH_S = 3.0
"""Sinks show pictures for this long after the last request."""
GLIMPSE_S = 0.1
"""Ten pictures a second are enough to look live, and cost little."""

log = logging.getLogger("framewire")


class ServerKeeper:
    """Its death harms no frame: viewers just ask again."""

    def __init__(self, listening: Listening, pipeline: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.endpoint = ""
        self._listening = listening
        self._pipeline = pipeline
        self._clock = clock
        self._start_at: float | None = clock() + START_AFTER_S
        self._tell_at = 0.0
        self._deaths = 0
        self._outbox: Outbox | None = None
        self._happenings = Happenings()

    def hasten(self) -> None:
        """All workers are ready: now it may start."""
        if self._start_at is not None:
            self._start_at = min(self._start_at, self._clock())

    def due(self) -> float | None:
        """When `start_if_due` or `tell_if_due` has something to do."""
        if self._start_at is not None:
            return self._start_at
        return self._tell_at if self._outbox is not None else None

    def start_if_due(self, spawn: Callable[[str, bytes], None], supervisor: str) -> None:
        """Start the process if it is due: `spawn` gets its token and its boot."""
        if self._start_at is None or self._clock() < self._start_at:
            return
        # Its libraries are loaded only in its own process.
        from framewire.pipeline.server.boot import ServerBoot

        self._start_at = None
        boot = ServerBoot(self._pipeline, supervisor, self._listening.socket.fileno(), self._listening.token)
        spawn(TOKEN, msgspec.msgpack.encode(boot))

    def ready(self, context: "zmq.Context[zmq.Socket[bytes]]", endpoint: str) -> None:
        """It serves; this is its inbox."""
        self.close()
        self.endpoint = endpoint
        self._outbox = Outbox(context, endpoint)
        self._tell_at = 0.0
        self._tell_events(list(self._happenings.kept))

    def happened(self, told: list[Happening]) -> None:
        """A sink tells of events: it learns of the new ones at once."""
        if told:
            self._tell_events(self._happenings.take(told))

    def _tell_events(self, events: list[tuple[int, Happening]]) -> None:
        if self._outbox is not None and events:
            self._outbox.send(encode(Happened(events)))

    def died(self, is_blameless: bool = False) -> None:
        """Restart it, a few times, not counting those when it is not to blame."""
        self.close()
        self._deaths += not is_blameless
        if self._deaths > DEATHS_MAX:
            log.error("the server died %d times and stays down; the pipeline continues", self._deaths)
            return
        log.warning("the server has died; restarting it")
        self._start_at = self._clock() + AGAIN_S

    def tell_if_due(self, snapshot: Callable[[], Snapshot]) -> None:
        """Send it a snapshot, once a second."""
        now = self._clock()
        if self._outbox is not None and now >= self._tell_at:
            self._tell_at = now + TELL_S
            self._outbox.send(encode(Told(snapshot())))

    def close(self) -> None:
        """Close its outbox."""
        if self._outbox is not None:
            self._outbox.close()
            self._outbox = None

    def show(self, picture: bytes) -> None:
        """A picture from another machine, as its worker has sent it."""
        if self._outbox is not None:
            self._outbox.send(picture)

    def show_pictures(self, look: Look, workers: Iterable[WorkerRecord], sinks: Set[str]) -> None:
        """Somebody is watching: sinks show pictures for a while, and porters those that stay behind."""
        if not self.endpoint:
            return
        watch = Watch(self.endpoint, WATCH_S, GLIMPSE_S, look.width)
        for worker in workers:
            if sinks & set(worker.process.stages) or worker.process.towards is not None:
                worker.send(watch)
