"""How far a stream is: what a worker must know of it to go on."""

from collections.abc import Container
from typing import Self

import msgspec
from msgspec import Struct


class StreamState(Struct, frozen=True, array_like=True):
    """How far a stream is: `mark` of the stream, and of each of its sinks.

    `memories` are those of the stages that hand them out, as they were before frame `mark`. `window`, `height` and
    `width` are as announced by its source, 0 if it has not, and so is `began`. `was_cut` says that frames from `mark`
    on may have been in flight.
    """

    source: str
    stream: str
    mark: int
    ended: bool
    sink_marks: dict[str, int]
    memories: dict[str, bytes] = {}
    window: int = 0
    height: int = 0
    width: int = 0
    began: float | None = None
    was_cut: bool = True

    def with_memories_of(self, stages: Container[str]) -> Self:
        """The same with these stages' memories only."""
        if not self.memories:
            return self
        own = {stage: memory for stage, memory in self.memories.items() if stage in stages}
        return msgspec.structs.replace(self, memories=own)
