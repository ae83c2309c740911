"""The epochs of each source: a death concerns only the sources whose frames pass through the dead worker."""

from collections.abc import Callable

from framewire.pipeline.graph.plan import Plan, Process


class Epochs:
    """Numbers each source's epochs, and knows which sources await their next one.

    Example:
        epochs = Epochs(plan)
        epochs.died(process)               # its sources await an epoch
        epochs.begin(ready.__contains__)   # {source: number} of those whose workers are all ready again
    """

    def __init__(self, plan: Plan) -> None:
        self._numbers = dict.fromkeys(plan.sinks_of, 0)
        self._through = {process.name: plan.sources_through(process) for process in plan.processes}
        self._workers = {
            source: [
                worker
                for process in plan.processes
                if source in self._through[process.name]
                for worker in process.workers
            ]
            for source in plan.sinks_of
        }
        self._due = set(plan.sinks_of)

    @property
    def due(self) -> bool:
        """Whether any source awaits an epoch."""
        return bool(self._due)

    def died(self, process: Process) -> None:
        """A worker of this process has died: what its sources had in flight may be lost."""
        self._due |= self._through[process.name]

    def begin(self, is_ready: Callable[[str], bool]) -> dict[str, int]:
        """The new epochs of the sources that await one and whose workers, by name, are all ready."""
        begun = {source for source in self._due if all(map(is_ready, self._workers[source]))}
        self._due -= begun
        for source in begun:
            self._numbers[source] += 1
        return {source: number for source, number in self._numbers.items() if source in begun}

    def workers_of(self, sources: dict[str, int]) -> list[str]:
        """The workers that frames of these sources pass through."""
        return list(dict.fromkeys(worker for source in sources for worker in self._workers[source]))
