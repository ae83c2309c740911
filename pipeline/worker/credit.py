"""The edges into a process, and the credit that it gives to the producers of those over which replicas ask."""

from collections.abc import Callable, Mapping

from msgspec import Struct

from framewire.pipeline.graph.plan import EdgeId
from framewire.pipeline.worker.out_edge import PREFETCH


class EdgeIn(Struct, frozen=True):
    """An edge into this process: `asked` are the workers that we give credit to, none if packets come unasked."""

    consumer: str
    sources: frozenset[str]
    asked: list[str]


class Credit:
    """Which of its lives each producer got credit of ours in; credit dies with either side, or the link between."""

    def __init__(
        self, edges: Mapping[EdgeId, EdgeIn], ask: Callable[[EdgeId, str, int], None], batch_of: Callable[[str], int]
    ) -> None:
        """`ask` sends a producer credit for so many packets; `batch_of` tells how many a consumer takes at once."""
        self._edges = edges
        self._ask = ask
        self._batch_of = batch_of
        self._asked_of: dict[tuple[EdgeId, str], int] = {}

    def give_back(self, edge: EdgeId, sender: int, incarnation: int) -> bool:
        """A packet has come from this replica of the producer, in this life; returns whether there is such a one."""
        producers = self._edges[edge].asked
        if not 0 <= sender < len(producers):
            return False
        if self._asked_of.get((edge, producers[sender])) == incarnation:
            self._ask(edge, producers[sender], 1)
        return True

    def give_to_new(self, lives: Mapping[str, int]) -> None:
        """Give credit to each producer that has none of ours: at first, and in each new life."""
        for edge, known in self._edges.items():
            for producer in known.asked:
                life = lives.get(producer)
                if life is not None and self._asked_of.get((edge, producer)) != life:
                    self._asked_of[edge, producer] = life
                    self._ask(edge, producer, PREFETCH + self._batch_of(known.consumer) - 1)
