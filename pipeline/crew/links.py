"""The links of a run: for each, which end listens and where, its secret, and how long it has been down."""

import secrets
from collections.abc import Callable

from framewire.pipeline.crew.worker_record import Life, WorkerRecord
from framewire.pipeline.graph.plan import Plan, Process
from framewire.pipeline.graph.spec import HOME, LinksSpec
from framewire.pipeline.link.link_socket import LinkBoot
from framewire.pipeline.server.listen import is_loopback
from framewire.pipeline.wire.message import LinkAt

SECRET_BYTES = 32


class Links:
    """Knows what either end of a link needs to start.

    Example:
        links = Links(plan, workers, host_of, spec.links)
        links.listens(message)                # an end says at which port
        links.may_start(worker)               # of the other: whether there is somebody to call
        links.boot(worker)
        links.via("", "n1")                   # how often the link between home and n1 was restarted
    """

    def __init__(
        self, plan: Plan, workers: dict[str, WorkerRecord], host_of: Callable[[str], str], spec: LinksSpec
    ) -> None:
        """`host_of` gives the address by which other machines reach one, empty being home."""
        self._plan = plan
        self._host_of = host_of
        self._spec = spec
        porters = [process for process in plan.processes if process.towards is not None]
        self._workers = {process: workers[name] for process in porters for name in process.workers}
        self._secrets = {process: secrets.token_bytes(SECRET_BYTES) for process in porters if process.listens}
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
        host = self._host_of(process.machine if process.listens else process.towards)
        return LinkBoot(
            process.machine or HOME,
            process.towards or HOME,
            process.listens,
            host,
            port,
            self._secrets[process if process.listens else mate],
            self._spec.secure == "always" or not is_loopback(host),
            self._spec.pixels,
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
