"""The links of a run: for each, which end listens and where, its keys, and how long it has been down."""

from collections.abc import Callable

import zmq
from msgspec import Struct

from framewire.pipeline.crew.worker_record import Life, WorkerRecord
from framewire.pipeline.graph.plan import Plan, Process
from framewire.pipeline.graph.spec import HOME
from framewire.pipeline.link.link_socket import LinkBoot
from framewire.pipeline.wire.message import LinkAt


class _Pair(Struct):
    public: str
    secret: str


class Links:
    """Knows what either end of a link needs to start.

    Example:
        links = Links(plan, workers, host_of, "raw")
        links.listens(message)                # an end says at which port
        links.may_start(worker)               # of the other: whether there is somebody to call
        links.boot(worker)
        links.via("", "n1")                   # how often the link between home and n1 was restarted
    """

    def __init__(
        self, plan: Plan, workers: dict[str, WorkerRecord], host_of: Callable[[str], str], pixels: str
    ) -> None:
        """`host_of` gives the address by which other machines reach one, empty being home; `pixels` is a codec."""
        self._plan = plan
        self._host_of = host_of
        self._pixels = pixels
        porters = [process for process in plan.processes if process.towards is not None]
        self._workers = {process: workers[name] for process in porters for name in process.workers}
        self._keys = {process: _Pair(*(key.decode() for key in zmq.curve_keypair())) for process in porters}
        self._ports: dict[Process, tuple[int, int]] = {}

    def listens(self, message: LinkAt) -> None:
        """An end says where it listens, in this life."""
        for process, worker in self._workers.items():
            if worker.name == message.worker and process.listens:
                self._ports[process] = message.incarnation, message.port

    def may_start(self, worker: WorkerRecord) -> bool:
        """Whether a porter has somebody to call, or is the one who is called; true of any other worker."""
        process = worker.process
        return process.towards is None or process.listens or self._port(self._mate(process)) is not None

    def boot(self, worker: WorkerRecord) -> LinkBoot | None:
        """What a porter needs; None for any other worker."""
        process = worker.process
        if process.towards is None:
            return None
        mate = self._mate(process)
        port = 0 if process.listens else self._port(mate) or 0
        ours, theirs = self._keys[process], self._keys[mate]
        return LinkBoot(
            process.machine or HOME,
            process.towards or HOME,
            process.listens,
            self._host_of(process.machine if process.listens else process.towards),
            port,
            ours.public,
            ours.secret,
            theirs.public,
            self._pixels,
            process.looking,
            tuple(stage for stage, bare in self._plan.bare_at.items() if bare),
        )

    def via(self, here: str, there: str) -> int:
        """How often the link between two machines was restarted, both ends counted."""
        ends = (self._plan.porter(here, there), self._plan.porter(there, here))
        return sum(self._workers[end].incarnation for end in ends if end is not None)

    def _mate(self, process: Process) -> Process:
        assert process.towards is not None
        mate = self._plan.porter(process.towards, process.machine)
        assert mate is not None
        return mate

    def _port(self, process: Process) -> int | None:
        """Where an end listens in its life of now."""
        worker = self._workers[process]
        incarnation, port = self._ports.get(process, (-1, 0))
        is_there = worker.life in (Life.STARTING, Life.READY) and worker.incarnation == incarnation
        return port if is_there else None
