"""What the supervisor tells the workers of a run: a new epoch, a mark, to take no more frames, to close."""

from collections.abc import Iterable, Mapping, Sequence

from framewire.pipeline.crew.worker_record import Life, WorkerRecord
from framewire.pipeline.graph.plan import Plan
from framewire.pipeline.ledger.ledger import StreamAccount
from framewire.pipeline.wire.message import Condemned, Connect, Drain, Exit, Mark, StreamState


class Orders:
    """Speaks to the workers that are ready."""

    def __init__(self, plan: Plan, workers: Mapping[str, WorkerRecord]) -> None:
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
        peers = {worker.name: worker.peer for worker in self._workers.values() if worker.peer is not None}
        for name in names:
            worker = self._workers[name]
            own = [state.with_memories_of(worker.process.stages) for state in states]
            worker.send(Connect(begun, peers, own, condemned, suspects))

    def mark(self, account: StreamAccount) -> None:
        """The mark of a stream has moved: to its source."""
        for name in self._plan.process_of(account.source).workers:
            self._workers[name].send(Mark(account.stream, account.mark))

    def drain(self) -> None:
        """No more frames are wanted: to all sources."""
        for source in self._plan.sinks_of:
            for name in self._plan.process_of(source).workers:
                self._workers[name].send(Drain())

    def close(self, within_s: float) -> None:
        """Close files and exit; who is still to be started, is not."""
        for worker in self._workers.values():
            if worker.life is Life.READY:
                worker.send(Exit(within_s))
            elif worker.life is Life.WAITING:
                worker.life = Life.GONE
