"""The account of every frame: how far each sink is in each stream, and the outcomes of the frames.

It lives in the supervisor, so it survives the death of any worker. A replacement sink cuts its file back to the mark
recorded here, so a frame is counted exactly once, whoever dies when.
"""

from collections import Counter
from collections.abc import Container, Mapping, Sequence
from typing import Self

from msgspec import Struct

from framewire.pipeline.frame.packet import Outcome
from framewire.pipeline.seen.figures import EventTally, series_of
from framewire.pipeline.wire.message import Checkpoint, Exceptional, Settle, StreamOpened
from framewire.pipeline.wire.stream_state import StreamState

SKIPPED = "skipped"
"""Why a frame is dropped that no sink has taken, all of them being such that may skip."""


class SinkAccount(Struct, array_like=True):
    """What one sink has reported of a stream.

    One that `skips` holds nobody: it has `skipped` so many frames, of which `gaps` are the latest: see Settle.
    """

    mark: int = 0
    ended: bool = False
    found: dict[str, int] = {}
    events: dict[str, EventTally] = {}
    skips: bool = False
    skipped: int = 0
    gaps: list[tuple[int, int]] = []

    def has_passed(self, seq: int) -> bool:
        """Whether it has written this frame, or skipped it."""
        return self.mark > seq

    def has_taken(self, seq: int) -> bool:
        """Whether it has written this frame."""
        return self.has_passed(seq) and not any(first <= seq < after for first, after in self.gaps)


class KeptStream(Struct, array_like=True):
    """A stream's account as the journal keeps it."""

    source: str
    stream: str
    mark: int
    sinks: dict[str, SinkAccount]
    memories: dict[str, dict[int, bytes]]
    exceptional: dict[int, Exceptional]
    dropped: dict[str, int]
    failed: dict[str, int]
    opened: StreamOpened | None
    undecided: list[int] = []
    end_mark: int | None = None


class StreamAccount:
    """One stream: a mark for each sink, the memories of stages, and the frames that were dropped or failed.

    The stream's mark is the lowest of the sinks that wait. Where all may skip, it is the highest: what that one has
    skipped is undecided until another has written it, or all have passed it.
    """

    def __init__(
        self,
        source: str,
        stream: str,
        sinks: Sequence[str],
        remembering: Sequence[str] = (),
        skipping: Container[str] = (),
    ) -> None:
        """`skipping` are sinks that may skip frames."""
        self.source = source
        self.stream = stream
        self.opened: StreamOpened | None = None
        self.dropped: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self._sinks = {sink: SinkAccount(skips=sink in skipping) for sink in sinks}
        self._waiting = [sink for sink in self._sinks.values() if not sink.skips]
        self._memories: dict[str, dict[int, bytes]] = {stage: {} for stage in remembering}
        self._exceptional: dict[int, Exceptional] = {}
        self._undecided: set[int] = set()
        self._mark = 0
        self._end_mark: int | None = None
        self._is_at_rest = False

    @classmethod
    def restored(cls, kept: KeptStream) -> Self:
        """The account that the journal has kept."""
        account = cls(kept.source, kept.stream, ())
        account.opened = kept.opened
        account.dropped, account.failed = Counter(kept.dropped), Counter(kept.failed)
        account._sinks = kept.sinks
        account._waiting = [sink for sink in kept.sinks.values() if not sink.skips]
        account._undecided, account._end_mark = set(kept.undecided), kept.end_mark
        account._memories = kept.memories
        account._exceptional = kept.exceptional
        account._mark = kept.mark
        return account

    def kept(self) -> KeptStream:
        """What the journal must keep of it."""
        return KeptStream(
            self.source,
            self.stream,
            self._mark,
            self._sinks,
            self._memories,
            self._exceptional,
            dict(self.dropped),
            dict(self.failed),
            self.opened,
            sorted(self._undecided),
            self._end_mark,
        )

    def reopen(self) -> None:
        """The stream ended because the run was stopped: where that has arrived, it goes on, and no frame was lost."""
        if self._is_end_settled:
            end = self._mark - 1
            # The end of a stream changes no memory.
            self._memories = {stage: {end: known[self._mark]} for stage, known in self._memories.items()}
            self._mark = end
            self._is_at_rest = True
        self._end_mark = None
        for sink in self._sinks.values():
            if sink.ended:
                sink.mark, sink.ended = sink.mark - 1, False

    def rest(self) -> None:
        """Its source pauses, and no frame from the mark on is in flight."""
        self._is_at_rest = True

    def go_on(self) -> None:
        """Its source makes frames again: some may be in flight from now on."""
        self._is_at_rest = False

    @property
    def mark(self) -> int:
        """Every frame below this is settled at every sink, and every memory as of here is known."""
        return self._mark

    @property
    def ended(self) -> bool:
        """Whether every sink has closed the stream, and no memory of it is pending."""
        return bool(self._sinks) and all(sink.ended for sink in self._sinks.values()) and self._mark == self._lowest

    @property
    def settled(self) -> int:
        """Settled frames, not counting the end of the stream, and those about which nothing is decided yet."""
        return self._mark - self._is_end_settled - len(self._undecided)

    @property
    def _is_end_settled(self) -> bool:
        return self._end_mark is not None and self._mark >= self._end_mark

    @property
    def written(self) -> int:
        """Settled frames whose outcome is ok."""
        return self.settled - self.dropped.total() - self.failed.total()

    @property
    def skipped(self) -> dict[str, int]:
        """Frames that each sink has skipped of those that may."""
        return {name: sink.skipped for name, sink in self._sinks.items() if sink.skips}

    @property
    def found(self) -> Counter[str]:
        """Detections by label, each as counted by the sink that saw most of it."""
        most: Counter[str] = Counter()
        for sink in self._sinks.values():
            most |= Counter(sink.found)
        return most

    @property
    def events(self) -> dict[str, EventTally]:
        """Events by kind and place, each as tallied by the sink that saw most."""
        most: dict[str, EventTally] = {}
        for sink in self._sinks.values():
            for key, tally in sink.events.items():
                if key not in most or tally.count > most[key].count:
                    most[key] = tally
        return most

    def settle(self, told: Settle) -> bool:
        """Take a sink's report; returns whether the stream's mark has moved."""
        sink = self._sinks[told.sink]
        sink.mark = max(sink.mark, told.mark)
        sink.ended = sink.ended or told.ended
        if told.ended:
            self._end_mark = told.mark
        sink.skipped += sum(after - first for first, after in told.gaps)
        if not self._waiting:
            sink.gaps += told.gaps
        for label, count in told.found.items():
            series = series_of(label, sink.found)
            sink.found[series] = sink.found.get(series, 0) + count
        for key, tally in told.events.items():
            series = series_of(key, sink.events)
            sink.events.setdefault(series, EventTally()).add(tally)
        for exceptional in told.exceptions:
            if sink.skips and exceptional.seq < self._mark and exceptional.seq not in self._undecided:
                # Others have written it, and it counts so.
                continue
            known = self._exceptional.get(exceptional.seq)
            if known is None or exceptional.outcome > known.outcome:
                self._exceptional[exceptional.seq] = exceptional
        return self._advance()

    def checkpoint(self, told: Checkpoint) -> bool:
        """Take a stage's memory at some frame; returns whether the stream's mark has moved."""
        self._memories[told.stage][told.seq] = told.memory
        return self._advance()

    def stage_died(self, stage: str) -> None:
        """A dead stage's memories beyond the mark are void: its replacement redoes these frames."""
        memories = self._memories.get(stage, {})
        for seq in [seq for seq in memories if seq > self._mark]:
            del memories[seq]

    def all_died(self) -> None:
        """Every stage has died with the run: memories beyond the mark are void."""
        for stage in self._memories:
            self.stage_died(stage)

    def state(self) -> StreamState:
        """What a worker needs of the stream at the start of an epoch."""
        marks = {name: sink.mark for name, sink in self._sinks.items()}
        memories = {stage: known[self._mark] for stage, known in self._memories.items() if self._mark in known}
        opened = self.opened
        sizes = (opened.window, opened.height, opened.width) if opened else (0, 0, 0)
        began = opened.began if opened else None
        return StreamState(
            self.source, self.stream, self._mark, self.ended, marks, memories, *sizes, began, not self._is_at_rest
        )

    @property
    def _lowest(self) -> int:
        if self._waiting:
            return min(sink.mark for sink in self._waiting)
        return max(sink.mark for sink in self._sinks.values())

    def _advance(self) -> bool:
        """Move the mark to where every sink is, or, with memories, to the last frame up to there that all know."""
        mark = self._lowest
        before = self._mark
        if self._memories:
            common = set.intersection(*(set(known) for known in self._memories.values()))
            mark = max((seq for seq in common if seq <= mark), default=0)
        self._mark = max(mark, before)
        if not self._waiting:
            self._decide(before)
        if mark <= before:
            return False
        for known in self._memories.values():
            for seq in [seq for seq in known if seq < mark]:
                del known[seq]
        self._count_settled()
        return True

    def _decide(self, before: int) -> None:
        """All sinks may skip: what has become of each frame from mark `before` to that of now, and of earlier ones."""
        sinks = self._sinks.values()
        self._undecided.update(range(before, self._mark - self._is_end_settled))
        for seq in sorted(self._undecided):
            is_known = seq in self._exceptional or any(sink.has_taken(seq) for sink in sinks)
            if not is_known and all(sink.has_passed(seq) for sink in sinks):
                last = next(name for name, sink in self._sinks.items() if sink.skips)
                self._exceptional[seq] = Exceptional(seq, Outcome.DROPPED, SKIPPED, last)
                is_known = True
            if is_known:
                self._undecided.discard(seq)
        passed = min(sink.mark for sink in sinks)
        for sink in sinks:
            sink.gaps = [gap for gap in sink.gaps if gap[1] > min(passed, self._mark)]
        self._count_settled()

    def _count_settled(self) -> None:
        for seq in [seq for seq in self._exceptional if seq < self._mark]:
            gone = self._exceptional.pop(seq)
            counter = self.dropped if gone.outcome is Outcome.DROPPED else self.failed
            reason = f"{gone.stage}:{gone.reason}" if gone.stage else gone.reason
            counter[series_of(reason, counter)] += 1


class Ledger:
    """The accounts of all streams, one for each source of the plan."""

    def __init__(
        self,
        sinks_of: Mapping[str, Sequence[str]],
        remembering_of: Mapping[str, Sequence[str]] | None = None,
        skipping: Container[str] = (),
    ) -> None:
        """`sinks_of` and `remembering_of` as in Plan; `skipping` are sinks that may skip frames."""
        self._skipping = skipping
        self._sinks_of = sinks_of
        self._remembering_of = remembering_of or {}
        self.streams: dict[str, StreamAccount] = {}

    def restore(self, kept: Sequence[KeptStream]) -> None:
        """Start from what the journal has kept."""
        self.streams = {stream.stream: StreamAccount.restored(stream) for stream in kept}

    def kept(self) -> list[KeptStream]:
        """What the journal must keep."""
        return [account.kept() for account in self.streams.values()]

    @property
    def complete(self) -> bool:
        """Whether every source's stream has ended at every sink."""
        ended = {account.source for account in self.streams.values() if account.ended}
        return ended == set(self._sinks_of)

    def opened(self, told: StreamOpened) -> None:
        """A source has opened its stream, for the first time or again after a crash."""
        account = self.streams.get(told.stream)
        if account is None:
            remembering = self._remembering_of.get(told.source, ())
            account = StreamAccount(told.source, told.stream, self._sinks_of[told.source], remembering, self._skipping)
            self.streams[told.stream] = account
        account.opened = told

    def concerns(self, told: Settle | Checkpoint) -> bool:
        """Whether the stream, as far as it is known, goes through the sink or stage that reports."""
        account = self.streams.get(told.stream)
        sources = list(self._sinks_of) if account is None else [account.source]
        if isinstance(told, Settle):
            return any(told.sink in self._sinks_of[source] for source in sources)
        return any(told.stage in self._remembering_of.get(source, ()) for source in sources)

    def settle(self, told: Settle) -> StreamAccount | None:
        """Take a sink's report; returns the account if its mark has moved. Raises KeyError for an unknown stream."""
        account = self.streams[told.stream]
        return account if account.settle(told) else None

    def checkpoint(self, told: Checkpoint) -> StreamAccount | None:
        """Take a stage's memory; returns the account if its mark has moved. Raises KeyError for an unknown stream."""
        account = self.streams[told.stream]
        return account if account.checkpoint(told) else None

    def stage_died(self, stage: str) -> None:
        """A worker of this stage has died."""
        for account in self.streams.values():
            account.stage_died(stage)

    def begin_epoch(self, sources: Container[str]) -> list[StreamState]:
        """An epoch of these sources begins, and they go on: what workers need of all streams."""
        states = [account.state() for account in self.streams.values()]
        for account in self.streams.values():
            if account.source in sources:
                account.go_on()
        return states
