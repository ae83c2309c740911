"""Noting each frame's way through a worker, for `--trace`; nothing of it happens without."""

import time
from collections.abc import Callable, Sequence

from framewire.pipeline.frame.packet import Packet
from framewire.pipeline.wire.message import Span

SPANS_MAX = 500
"""Spans that are kept before they are told: about a second of a quick stage."""


class Tracer:
    """Takes what nodes work on, and gives spans of each `every`-th frame."""

    def __init__(self, every: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._every = every
        self._clock = clock
        self._spans: list[Span] = []

    def worked(self, stage: str, packets: Sequence[Packet], started: float) -> None:
        """A stage has worked on these packets since `started`, and is done now."""
        done = self._clock()
        self._spans += [
            Span(stage, packet.stream, packet.seq, packet.sent or started, started, done)
            for packet in packets
            if packet.seq % self._every == 0
        ]

    def take(self) -> list[Span]:
        """The spans since the last time."""
        spans, self._spans = self._spans, []
        return spans

    @property
    def is_full(self) -> bool:
        """Whether it is time to tell."""
        return len(self._spans) >= SPANS_MAX
