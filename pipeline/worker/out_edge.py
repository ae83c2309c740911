"""An edge out of a process: which replica of the next stage gets which packet."""

from collections import deque
from collections.abc import Callable, Container, Mapping

from framewire.pipeline.frame.packet import Packet
from framewire.pipeline.graph.plan import Edge, EdgeId, Routing
from framewire.pipeline.graph.spec import Near

PREFETCH = 2
"""Packets that a replica asks each producer for at first: one to work on, one to hide the producer's response time.
With one, a replica would be idle for as long as a capture process takes to decode a frame."""


class OutEdge:
    """Hands the packets of one edge to its consumers; queues those that no replica has asked for yet, in order.

    Credit belongs to the edge and to one life of the replica that gave it: that of a dead worker is void.
    """

    def __init__(
        self,
        edge: Edge,
        consumers: list[str],
        send: Callable[[str, EdgeId, Packet], None],
        near: Near = "any",
        here: Container[int] = (),
    ) -> None:
        """`here` are the replicas on this machine, which are preferred as `near` says."""
        self._near = near
        self._here = here
        self._id = edge.id
        self._routing = edge.routing
        self._consumers = consumers
        self._send = send
        self._lives = [0] * len(consumers)
        self._credit: deque[int] = deque()
        self._waiting: deque[Packet] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, packet: Packet) -> None:
        """Send a packet, now or as soon as a replica asks."""
        if self._routing is Routing.ASK:
            asking = self._next()
            if asking is None:
                self._waiting.append(packet)
                return
            consumer = asking
        elif self._routing is Routing.SEQ:
            consumer = packet.seq % len(self._consumers)
        else:
            consumer = 0
        self._send(self._consumers[consumer], self._id, packet)

    def takes(self, consumer: int) -> bool:
        """Whether there is such a replica."""
        return 0 <= consumer < len(self._consumers)

    def is_early(self, consumer: int, incarnation: int) -> bool:
        """Whether the asking replica was restarted since we last got its address."""
        return incarnation > self._lives[consumer]

    def asked(self, consumer: int, incarnation: int, count: int) -> None:
        """A replica asks for `count` packets; replicas are served in the order they asked."""
        if incarnation != self._lives[consumer]:
            return
        self._credit.extend([consumer] * count)
        while self._waiting and (asking := self._next()) is not None:
            self._send(self._consumers[asking], self._id, self._waiting.popleft())

    def _next(self) -> int | None:
        """The replica that gets the next packet, which uses up credit; None if none has asked that may get it."""
        if self._near != "any":
            near = next((one for one in self._credit if one in self._here), None)
            if near is not None:
                self._credit.remove(near)
                return near
        return self._credit.popleft() if self._credit and self._near != "only" else None

    def reset(self, sources: Container[str], incarnations: Mapping[str, int]) -> None:
        """A new epoch of these sources: their packets will be sent again, and credit of dead replicas is void."""
        lives = [incarnations.get(name, life) for name, life in zip(self._consumers, self._lives, strict=True)]
        self._credit = deque(one for one in self._credit if lives[one] == self._lives[one])
        self._lives = lives
        self._waiting = deque(packet for packet in self._waiting if packet.source not in sources)
