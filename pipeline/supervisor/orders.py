"""What the supervisor tells the workers of a run: a new epoch, a mark, to take no more frames, to close."""

from collections.abc import Iterable, Mapping, Sequence

from framewire.pipeline.crew.links import Links
from framewire.pipeline.crew.worker_record import Life, WorkerRecord
from framewire.pipeline.graph.plan import Plan
from framewire.pipeline.ledger.ledger import StreamAccount
from framewire.pipeline.wire.message import Condemned, Connect, Drain, Exit, MakeSafe, Mark, Pause, Peer
from framewire.pipeline.wire.stream_state import StreamState


class Orders:
    """Speaks to the workers that are ready."""

    def __init__(self, plan: Plan, workers: Mapping[str, WorkerRecord], links: Links) -> None:
        self._links = links
        self._plan = plan
        self._workers = workers

    def connect(
        self,
        begun: dict[str, int],
        names: Iterable[str],
        states: Sequence[StreamState],
        condemned: list[Condemned],
        suspects: list[Condemned],
    ) -> None:
        """New epochs have begun, which concern these workers."""
        peers: dict[str, dict[str, Peer]] = {}
        for name in names:
            worker = self._workers[name]
            machine = worker.machine
            if machine not in peers:
                peers[machine] = self._peers(machine)
            own = [state.with_memories_of(worker.process.stages) for state in states]
            worker.send(Connect(begun, peers[machine], own, condemned, suspects))

    def _peers(self, machine: str) -> dict[str, Peer]:
        """All workers that are ready, as they are reached from this machine: those of others through a porter."""
        found: dict[str, Peer] = {}
        for worker in self._workers.values():
            there = worker.machine
            if worker.peer is None:
                continue
            if there == machine:
                found[worker.name] = worker.peer
            elif (porter := self._porter(machine, there)) is not None and porter.peer is not None:
                via = self._links.via(machine, there)
                found[worker.name] = Peer(porter.peer.endpoint, worker.peer.incarnation, True, via)
        return found

    def _porter(self, machine: str, towards: str) -> WorkerRecord | None:
        process = self._plan.porter(machine, towards)
        return self._workers[process.workers[0]] if process is not None else None

    def mark(self, account: StreamAccount) -> None:
        """The mark of a stream has moved: to its source."""
        for name in self._plan.process_of(account.source).workers:
            self._workers[name].send(Mark(account.stream, account.mark))

    def drain(self) -> None:
        """No more frames are wanted: to all sources."""
        for source in self._plan.sinks_of:
            for name in self._plan.process_of(source).workers:
                self._workers[name].send(Drain())

    def pause(self, sources: frozenset[str]) -> None:
        """No more frames are wanted of these until their next epoch."""
        for source in sources:
            for name in self._plan.process_of(source).workers:
                self._workers[name].send(Pause(sources))

    def make_safe(self, sources: frozenset[str], number: int) -> frozenset[str]:
        """Hold nothing back of these, which pause: to all on their way. Returns the workers asked, each to answer."""
        asked = [
            worker
            for worker in self._workers.values()
            if worker.life is Life.READY
            and worker.process.towards is None
            and sources & self._plan.sources_through(worker.process)
        ]
        for worker in asked:
            worker.send(MakeSafe(sources, number))
        return frozenset(worker.name for worker in asked)

    def close(self, within_s: float) -> None:
        """Close files and exit; who is still to be started, is not."""
        for worker in self._workers.values():
            if worker.life is Life.READY:
                worker.send(Exit(within_s))
            elif worker.life is Life.STARTING and worker.process.towards is not None:
                # Nobody may ever answer it.
                worker.kill()
            elif worker.life is Life.WAITING:
                worker.life = Life.GONE
