"""The account of every frame: how far each sink is with each stream, and what became of the frames.

It lives in the supervisor, so it survives the death of any worker. A sink that follows a dead one cuts its file
back to the mark that stands here; so a frame is counted exactly once, whoever dies when.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from msgspec import Struct

from pipeline.message import Exceptional, Settle, StreamOpened, StreamState
from pipeline.packet import Outcome


class _SinkAccount(Struct):
    mark: int = 0
    ended: bool = False
    found: Counter[str] = Counter()


class StreamAccount:
    """One stream: a mark for each sink, and the frames that did not simply go through."""

    def __init__(self, source: str, stream: str, sinks: Sequence[str]) -> None:
        self.source = source
        self.stream = stream
        self.opened: StreamOpened | None = None
        self.dropped: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self._sinks = {sink: _SinkAccount(found=Counter()) for sink in sinks}
        self._exceptional: dict[int, Exceptional] = {}
        self._mark = 0

    @property
    def mark(self) -> int:
        """Every frame below this is settled at every sink."""
        return self._mark

    @property
    def ended(self) -> bool:
        """Whether every sink has closed the stream."""
        return all(sink.ended for sink in self._sinks.values())

    @property
    def settled(self) -> int:
        """Frames that are settled, the end of the stream not counted."""
        return self._mark - 1 if self.ended else self._mark

    @property
    def written(self) -> int:
        """Settled frames that went through whole."""
        return self.settled - self.dropped.total() - self.failed.total()

    @property
    def found(self) -> Counter[str]:
        """Detections by label: what the sink that saw most of a label has seen of it."""
        most: Counter[str] = Counter()
        for sink in self._sinks.values():
            most |= sink.found
        return most

    def settle(self, told: Settle) -> bool:
        """Take in what a sink says; returns whether the stream's mark has moved."""
        sink = self._sinks[told.sink]
        sink.mark = max(sink.mark, told.mark)
        sink.ended = sink.ended or told.ended
        sink.found.update(told.found)
        for exceptional in told.exceptions:
            known = self._exceptional.get(exceptional.seq)
            if known is None or exceptional.outcome > known.outcome:
                self._exceptional[exceptional.seq] = exceptional
        lowest = min(sink.mark for sink in self._sinks.values())
        if lowest <= self._mark:
            return False
        self._mark = lowest
        self._count_settled()
        return True

    def state(self) -> StreamState:
        """What a worker must know of the stream at the start of an epoch."""
        marks = {name: sink.mark for name, sink in self._sinks.items()}
        return StreamState(self.source, self.stream, self._mark, self.ended, marks)

    def _count_settled(self) -> None:
        for seq in [seq for seq in self._exceptional if seq < self._mark]:
            gone = self._exceptional.pop(seq)
            counter = self.dropped if gone.outcome is Outcome.DROPPED else self.failed
            counter[f"{gone.stage}:{gone.reason}" if gone.stage else gone.reason] += 1


class Ledger:
    """The accounts of all streams, one for each source of the plan."""

    def __init__(self, sinks_of: Mapping[str, Sequence[str]]) -> None:
        self._sinks_of = sinks_of
        self.streams: dict[str, StreamAccount] = {}

    @property
    def complete(self) -> bool:
        """Whether every source's stream has ended at every sink."""
        ended = {account.source for account in self.streams.values() if account.ended}
        return ended == set(self._sinks_of)

    def opened(self, told: StreamOpened) -> None:
        """A source has opened its stream, for the first time or again after a crash."""
        account = self.streams.get(told.stream)
        if account is None:
            account = StreamAccount(told.source, told.stream, self._sinks_of[told.source])
            self.streams[told.stream] = account
        account.opened = told

    def settle(self, told: Settle) -> StreamAccount | None:
        """Take in what a sink says; returns the account if its mark has moved. Raises KeyError for no such stream."""
        account = self.streams[told.stream]
        return account if account.settle(told) else None

    def states(self) -> list[StreamState]:
        """All streams as a worker must know them at the start of an epoch."""
        return [account.state() for account in self.streams.values()]
