"""One run's books: the state that its journal keeps, from the beginning or from where a killed run was."""

import logging
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

import msgspec

from framewire.pipeline.graph.plan import make_plan
from framewire.pipeline.graph.spec import PipelineSpec
from framewire.pipeline.ledger.identity import RunIdentity, differences
from framewire.pipeline.ledger.journal import (
    GENERATION,
    NAME,
    Begun,
    Chose,
    Condemn,
    Died,
    Journal,
    Record,
    RunState,
    Stopped,
    read_journal,
)
from framewire.pipeline.ledger.ledger import Ledger, StreamAccount
from framewire.pipeline.seen.figures import SourceFigures
from framewire.pipeline.unfinished import LOCK, Unfinished, forget
from framewire.pipeline.wire.message import Checkpoint, Condemned, Settle, StreamOpened

log = logging.getLogger("framewire")

EARLY_MAX = 1000
"""Reports that are kept for streams that are not open yet: a sink has at most a few of each."""
CRASHED = "crashed"
"""Why a frame is condemned."""


class OtherRunError(Exception):
    """The journal is that of another run; the text says what differs."""


class Bookkeeping:
    """Keeps the books of one run.

    Example:
        books = Bookkeeping(spec, Path("out"), identity)    # or Bookkeeping.resumed(...)
        books.open()
        books.take(settle)
        books.moved()           # the streams whose sources may be told now
        books.close(has_ended=True)
    """

    def __init__(
        self, spec: PipelineSpec, out: Path, identity: RunIdentity | None = None, state: RunState | None = None
    ) -> None:
        """Without `identity`, nothing is written: the run cannot be resumed. With `state`, go on from there."""
        self.is_resumed = state is not None
        run = (state.begun.run if state is not None else "") or uuid.uuid4().hex
        begun = Begun(GENERATION, identity or RunIdentity("", "", "", {}), time.time(), time.monotonic(), run)
        self._state = state or RunState(begun, _empty_ledger(spec))
        self._begun_at = self._state.begun.wall
        if state is not None:
            _continue(state, begun)
        self._out = out
        self._sinks = [stage.name for stage in spec.stages if stage.kind == "sink" and not stage.machine]
        self._is_kept = identity is not None
        self._to_disk = spec.durable == "disk"
        self._journal: Journal | None = None
        self._moved: dict[str, StreamAccount] = {}
        self._early: list[Settle | Checkpoint] = []

    @classmethod
    def resumed(cls, spec: PipelineSpec, out: Path, identity: RunIdentity) -> "Bookkeeping | None":
        """Go on from the journal in `out`; None if there is none. Raises OtherRunError, JournalError, OSError."""
        journal = read_journal(out)
        if journal is None:
            return None
        begun, records = journal
        if different := differences(begun.identity, identity):
            raise OtherRunError("; ".join(different))
        state = RunState(begun, _empty_ledger(spec))
        state.replay(records)
        return cls(spec, out, identity, state)

    @property
    def ledger(self) -> Ledger:
        """The account of every frame."""
        return self._state.ledger

    @property
    def run(self) -> str:
        """The run's id: 32 hexadecimal digits, the same when it is resumed."""
        return self._state.begun.run

    @property
    def begun_at(self) -> float:
        """When the run began, or was last resumed: Unix time."""
        return self._begun_at

    @property
    def seen(self) -> dict[str, dict[str, SourceFigures]]:
        """What the sources of each worker had seen, by stream, when the run was killed."""
        return self._state.seen

    @property
    def seconds(self) -> float:
        """How long the run had taken until then."""
        return self._state.seconds

    @property
    def condemned(self) -> list[Condemned]:
        """Frames that no stage must touch again."""
        return self._state.condemned

    @property
    def chosen(self) -> dict[str, dict[str, str]]:
        """What each stage has chosen for itself."""
        return self._state.chosen

    @property
    def can_be_resumed(self) -> bool:
        """Whether the journal on disk is that of this run, and the run did not end."""
        return self._journal is not None and self._journal.is_kept and not self._state.has_ended

    @property
    def has_ended(self) -> bool:
        """Whether the run that was to be resumed had come to its end."""
        return self._state.has_ended

    def open(self) -> None:
        """Write the journal's beginning."""
        if self._is_kept:
            self._journal = Journal(self._out, self._state, self._to_disk)

    def take(self, record: Record) -> None:
        """Apply a record; one about a stream that is not open yet waits until it is.

        A sink and a source speak through different sockets, so either may be heard first. Raises KeyError: see
        RunState.take.
        """
        if isinstance(record, Settle | Checkpoint) and record.stream not in self.ledger.streams:
            if len(self._early) < EARLY_MAX:
                self._early.append(record)
            return
        self._apply(record)
        if isinstance(record, StreamOpened):
            early = [held for held in self._early if held.stream == record.stream]
            self._early = [held for held in self._early if held.stream != record.stream]
            for held in early:
                if self.ledger.concerns(held):
                    self._apply(held)

    def _apply(self, record: Record) -> None:
        moved = self._journal.add(record) if self._journal is not None else self._state.take(record)
        if moved is not None:
            self._moved[moved.stream] = moved

    def moved(self) -> list[StreamAccount]:
        """The streams whose mark has moved: their sources may be told, the journal holds what it follows from."""
        if not self._moved:
            return []
        self._commit()
        moved = list(self._moved.values())
        self._moved.clear()
        return moved

    def chose(self, chosen: dict[str, dict[str, str]]) -> None:
        """What stages have chosen for themselves; committed before any frame follows from it."""
        for stage, choice in chosen.items():
            if self._state.chosen.get(stage, {}) != choice:
                self.take(Chose(stage, choice))
        self._commit()

    def condemn(self, stage: str, stream: str, seq: int) -> None:
        """A frame that has crashed a stage too often."""
        self.take(Condemn(Condemned(stage, stream, seq, CRASHED)))
        self._commit()

    def died(self, stage: str) -> None:
        """A worker of this stage has died: its successor does what was not taken yet again."""
        self._early = [held for held in self._early if stage != _reporter(held)]
        self.take(Died(stage))

    def stopped(self) -> None:
        """The run was told to stop; may be called again."""
        if not self._state.is_stopped:
            self.take(Stopped())
            self._commit()

    def close(self, has_ended: bool) -> None:
        """The run is over. One that was stopped, or cut short, can be resumed though all of its streams have ended."""
        self._leave_files()
        if self._journal is None:
            return
        if has_ended and not self._state.is_stopped and not self._state.cut_short:
            self._journal.end()
            forget(self._out, but=frozenset({NAME, LOCK}))
        else:
            self._journal.commit()
        self._journal.close()

    def _leave_files(self) -> None:
        leave_files(self._out, self._sinks, self.ledger.complete)

    def _commit(self) -> None:
        if self._journal is not None:
            self._journal.commit()


def leave_files(out: Path, sinks: Sequence[str], is_complete: bool) -> None:
    """The run is over: no file is needed any more for going on, whichever worker died before it could say so.

    If it is not `is_complete`, all may be.
    """
    for stage in sinks:
        try:
            unfinished = Unfinished(out, stage, resumed=True)
            if is_complete:
                unfinished.complete()
            else:
                for path in unfinished.name_as_they_are():
                    log.warning("%s: %s is as it was when the run stopped", stage, path)
        except OSError as error:
            log.warning("%s: %s; `framewire recover %s` tries again", stage, error, out)


def _reporter(told: Settle | Checkpoint) -> str:
    return told.sink if isinstance(told, Settle) else told.stage


def _empty_ledger(spec: PipelineSpec) -> Ledger:
    plan = make_plan(spec)
    skipping = frozenset(stage.name for stage in spec.stages if stage.lag == "skip")
    return Ledger(plan.sinks_of, plan.remembering_of, skipping)


def _continue(state: RunState, now: Begun) -> None:
    """The state at the start of a resumed run: streams that were stopped go on, and clocks are those of today."""
    shift = (now.monotonic - now.wall) - (state.begun.monotonic - state.begun.wall)
    for account in state.ledger.streams.values():
        account.all_died()
        if state.is_stopped or account.source in state.cut_short:
            account.reopen()
        opened = account.opened
        if opened is not None and opened.began is not None:
            account.opened = msgspec.structs.replace(opened, began=opened.began + shift)
    state.begun, state.is_stopped, state.cut_short = now, False, []
