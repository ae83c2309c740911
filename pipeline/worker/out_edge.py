"""An edge out of a process: which replica of the next stage gets which packet."""

from collections import deque
from collections.abc import Callable

from framewire.pipeline.frame.packet import Packet
from framewire.pipeline.graph.plan import Edge, Routing

PREFETCH = 2
"""Packets that a replica asks each producer for at first: one to work on, one to hide the producer's answer time.
With one, a replica would stand idle for as long as a capture process takes to decode a frame."""


class OutEdge:
    """Hands the packets of one edge to its consumers; keeps those that nobody has asked for yet, in order."""

    def __init__(self, edge: Edge, consumers: list[str], send: Callable[[str, int, Packet], None]) -> None:
        self.edge = edge
        self._consumers = consumers
        self._send = send
        self._asked: deque[int] = deque()
        self._waiting: deque[Packet] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, packet: Packet) -> None:
        """Send a packet, now or as soon as somebody asks."""
        if self.edge.routing is Routing.ASK:
            if not self._asked:
                self._waiting.append(packet)
                return
            consumer = self._asked.popleft()
        elif self.edge.routing is Routing.SEQ:
            consumer = packet.seq % len(self._consumers)
        else:
            consumer = 0
        self._send(self._consumers[consumer], self.edge.id, packet)

    def takes(self, consumer: int) -> bool:
        """Whether there is a replica of that number."""
        return 0 <= consumer < len(self._consumers)

    def asked(self, consumer: int, count: int) -> None:
        """A replica asks for `count` packets; one that asked earlier is served earlier."""
        self._asked.extend([consumer] * count)
        while self._asked and self._waiting:
            self._send(self._consumers[self._asked.popleft()], self.edge.id, self._waiting.popleft())

    def reset(self) -> None:
        """A new epoch: who asked will ask anew, what waited will be sent again."""
        self._asked.clear()
        self._waiting.clear()
