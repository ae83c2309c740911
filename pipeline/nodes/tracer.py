"""Records each frame's path through a worker, for `--trace`; inactive without it."""

import time
from collections.abc import Callable, Sequence

from framewire.pipeline.frame.packet import Packet
from framewire.pipeline.wire.message import Span

SPANS_MAX = 500
"""Spans kept before they are reported: about a second of a fast stage."""


class Tracer:
    """Records the work of nodes as spans of each `every`-th frame."""

    def __init__(self, every: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._every = every
        self._clock = clock
        self._spans: list[Span] = []

    def worked(self, stage: str, packets: Sequence[Packet], started: float) -> None:
        """A stage has finished these packets, begun at `started`."""
        done = self._clock()
        self._spans += [
            Span(stage, packet.stream, packet.seq, packet.sent or started, started, done)
            for packet in packets
            if packet.seq % self._every == 0
        ]

    def take(self) -> list[Span]:
        """The spans since the last call."""
        spans, self._spans = self._spans, []
        return spans

    @property
    def is_full(self) -> bool:
        """Whether a report is due."""
        return len(self._spans) >= SPANS_MAX
