"""Starts, watches, restarts, drains: one loop that waits for messages, deaths, signals and due restarts."""

import logging
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

import zmq

from framewire.pipeline.crew.crew import Crew, CrewLostError
from framewire.pipeline.crew.last_words import hear_last_words
from framewire.pipeline.crew.worker_record import Life, WorkerRecord
from framewire.pipeline.graph.plan import make_plan
from framewire.pipeline.graph.spec import PipelineSpec
from framewire.pipeline.ledger.bookkeeping import Bookkeeping
from framewire.pipeline.machines.machines import Machines, MachinesError, NoMachines
from framewire.pipeline.machines.news import Failed, Lost, Said, Shown, WantsToLeave
from framewire.pipeline.processes.signals import how_it_ended, signal_name, waking
from framewire.pipeline.seen.snapshot import Snapshot
from framewire.pipeline.seen.summary import Summary, summary_of
from framewire.pipeline.server.listen import Listening
from framewire.pipeline.supervisor.account import Account
from framewire.pipeline.supervisor.departures import Departures
from framewire.pipeline.supervisor.ending import CLOSING_S, Ending, Outcome
from framewire.pipeline.supervisor.epochs import Epochs
from framewire.pipeline.supervisor.judge import Judge
from framewire.pipeline.supervisor.known_names import is_known
from framewire.pipeline.supervisor.orders import Orders
from framewire.pipeline.supervisor.server_keeper import TOKEN as SERVER
from framewire.pipeline.supervisor.server_keeper import ServerKeeper
from framewire.pipeline.supervisor.starts import Starts
from framewire.pipeline.supervisor.trace_file import TraceFile
from framewire.pipeline.wire.inbox import Inbox, new_endpoint
from framewire.pipeline.wire.message import (
    Checkpoint,
    Closed,
    CutShort,
    Enough,
    Exit,
    LetGo,
    LinkAt,
    Look,
    MadeSafe,
    Ready,
    RefusedError,
    Remark,
    Report,
    ServerReady,
    Settle,
    Spans,
    StreamOpened,
    ToSupervisor,
    Trouble,
    decode_for_supervisor,
)
from framewire.pipeline.wire.refused import Refusals
from framewire.pipeline.wire.waiting import Waiting

SHOW_S = 0.25
"""How often the progress display is updated: four times a second looks live."""

log = logging.getLogger("framewire")


class Supervisor:
    """Runs one pipeline to its end.

    Make it before the process has any thread: it forks the nursery at once.
    """

    def __init__(
        self,
        spec: PipelineSpec,
        out: Path,
        listening: Listening | None = None,
        trace: TraceFile | None = None,
        bookkeeping: Bookkeeping | None = None,
        locks: Sequence[int] = (),
        invite: Callable[[bytes], None] | None = None,
        machines: Callable[[Bookkeeping], Machines] | None = None,
    ) -> None:
        """With `listening`, a server shows the run there; with `trace`, a trace of the frames is written.

        With `bookkeeping`, a journal is kept, from which the run can be resumed, or is. `locks` are descriptors by
        which the run owns what it writes: whoever writes holds them. `invite` is for a guest: see Crew.
        """
        self.spec = spec
        self.plan = make_plan(spec)
        self._sinks = {sink for sinks in self.plan.sinks_of.values() for sink in sinks}
        self._out = out
        self._crew = Crew(spec, self.plan, listening.socket.fileno() if listening is not None else None, locks, invite)
        self._workers = self._crew.workers
        self._make_machines = machines
        self._machines: Machines | NoMachines = NoMachines()
        self._trace = trace
        self._server = ServerKeeper(listening, spec.name) if listening is not None else None
        self._books = bookkeeping or Bookkeeping(spec, out)
        self._ledger = self._books.ledger
        self._starts = Starts(spec, self.plan, out, self._crew, self._books, trace.every if trace is not None else 0)
        self._orders = Orders(self.plan, self._workers, self._starts.links)
        self._account = Account(spec, self.plan, self._books.seen, self._books.seconds)
        self._judge = Judge(spec, self._books, self._crew)
        self._epochs = Epochs(self.plan)
        self._ending = Ending(spec.drain_s, CLOSING_S + max(stage.closing_s for stage in spec.stages))
        self._departures = Departures(self.plan, self._crew, self._orders, self._ledger, self._ending, spec.drain_s)
        self._signals: deque[tuple[int, float]] = deque()
        self._failure: str | None = None
        self._refusals = Refusals("the supervisor")

    def run(self, show: Callable[[Callable[[], Snapshot]], None] | None = None) -> tuple[Outcome, Summary]:
        """Run to the end; returns the outcome and the summary. `show` is called a few times a second."""
        self._out.mkdir(parents=True, exist_ok=True)
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._inbox = Inbox(self._context, new_endpoint(self.spec.name, "supervisor"))
        self._find_machines()
        self._books.open()
        try:
            with waking(self._on_signal) as woken:
                self._loop(woken, show)
        finally:
            if self._server is not None:
                self._server.close()
            if self._trace is not None:
                self._trace.close()
            self._inbox.close()
            self._crew.close()
            self._machines.close(self._ledger.complete)
            self._context.term()
        self._books.close(has_ended=self._ledger.complete and self._failure is None and self._ending.interrupts < 2)
        summary = summary_of(self.snapshot())
        return self._ending.outcome(summary.error), summary

    def _find_machines(self) -> None:
        try:
            if self._make_machines is not None:
                self._machines = self._make_machines(self._books)
        except MachinesError as error:
            self._fail(str(error))
        self._crew.begin(self._context, self._machines)

    def snapshot(self) -> Snapshot:
        """The account so far."""
        ready = not self._epochs.due and self._crew.are_all_ready and not self._judge.is_any_stuck
        return self._account.snapshot(self._ledger, self._crew, ready, self._refusals.count, self._failure)

    def _loop(self, woken: socket.socket, show: Callable[[Callable[[], Snapshot]], None] | None) -> None:
        sockets = [self._inbox.socket, *self._machines.sockets]
        waiting = Waiting(sockets, woken, self._crew.fileno)
        shown = 0.0
        while not self._over():
            self._start_due()
            has_news = waiting.wait(self._timeout_ms(shown if show else None))
            while self._signals:
                self._signalled(*self._signals.popleft())
            if self._ending.is_interrupted:
                self._books.stopped()
            if has_news:
                self._news()
                if self._over():
                    break
            while (raw := self._inbox.waiting()) is not None:
                self._take(raw)
            self._far_news()
            self._tell_marks()
            self._judge.look(time.monotonic())
            self._close_if_complete()
            self._keep_deadlines()
            if self._server is not None:
                self._server.tell_if_due(self.snapshot)
            if show is not None and time.monotonic() - shown >= SHOW_S:
                shown = time.monotonic()
                show(self.snapshot)

    def _over(self) -> bool:
        return self._ending.interrupts > 1 or self._crew.are_all_gone

    def _timeout_ms(self, shown: float | None) -> int | None:
        """Milliseconds until the next timer is due; None if there is none."""
        timers = [
            self._starts.due,
            shown + SHOW_S if shown is not None else None,
            self._ending.due,
            self._server.due() if self._server is not None else None,
            self._judge.due,
            self._machines.due,
        ]
        due = [at for at in timers if at is not None]
        return max(0, round((min(due) - time.monotonic()) * 1000)) if due else None

    def _start_due(self) -> None:
        self._starts.start_due(self._inbox.endpoint)
        if self._server is not None and not self._ending.is_closing:
            self._server.start_if_due(self._crew.spawn, self._inbox.endpoint)

    def _keep_deadlines(self) -> None:
        """End what does not end by itself."""
        if self._ending.must_close:
            log.warning("frames are still in flight; closing without them")
            self._close()
        if self._ending.must_kill or self._ending.must_leave:
            self._crew.end_stragglers(is_last_call=self._ending.must_leave)
            self._ending.kill()

    def _news(self) -> None:
        try:
            ended = self._crew.news()
        except CrewLostError as error:
            self._fail(str(error))
            for worker in self._workers.values():
                worker.life = Life.GONE
            return
        if ended:
            # Their last messages are in the inbox: handle them first.
            while (raw := self._inbox.waiting()) is not None:
                self._take(raw)
        for one in ended:
            if one.token != SERVER:
                worker = self._workers[one.token]
                hear_last_words(worker, one.status, self._inbox.wait, self._take)
                self._died(worker, one.status)
            elif self._server is not None:
                self._server.died(is_blameless=one.status is None)

    def _far_news(self) -> None:
        """What has happened on the other machines: there, last words come before the end."""
        for news in self._machines.news():
            match news:
                case Said():
                    self._take(news.raw)
                case Shown() if self._server is not None:
                    self._server.show(news.raw)
                case Failed():
                    self._fail(news.text)
                case WantsToLeave() | Lost():
                    self._departures.take(news)
            for ended in self._crew.far_ended(news):
                self._died(self._workers[ended.token], ended.status)
        self._departures.look(self.snapshot)

    def _died(self, worker: WorkerRecord, status: int | None) -> None:
        """A worker has ended; with the nursery, and without blame, if `status` is None."""
        in_hand = worker.died()
        how = "with the process that had started it" if status is None else how_it_ended(status)
        if self._ending.is_closing or worker.life is Life.GONE:
            if worker.life is Life.READY and status != 0:
                self._died_closing(worker, how)
            worker.life = Life.GONE
            return
        again: float | None = time.monotonic()
        if status is not None:
            self._judge.died_with(worker, in_hand)
            again = worker.policy.died(time.monotonic())
        if again is None:
            worker.life = Life.GONE
            self._fail(f"{worker.name} died {self.spec.restarts.too_often} ({how})")
            return
        if status is not None:
            log.warning("%s has died (%s); restarting it", worker.name, how)
        self._account.restarted(worker.name)
        for stage in worker.process.stages:
            self._books.died(stage)
        worker.life = Life.WAITING
        worker.start_at = again
        self._epochs.died(worker.process)

    def _died_closing(self, worker: WorkerRecord, how: str) -> None:
        if self._ledger.complete or not self._sinks.intersection(worker.process.stages):
            # Every stream has ended at every sink, or it is none: files are whole.
            log.warning("%s has died while closing (%s)", worker.name, how)
        else:
            self._failure = self._failure or f"{worker.name} died while closing its files ({how})"

    def _take(self, raw: bytes) -> None:
        try:
            message = decode_for_supervisor(raw)
        except RefusedError as error:
            self._refusals.take(raw, error)
            return
        if is_known(message, self.plan, self._ledger, self._workers, serving=self._server is not None):
            self._handle(message)
        else:
            self._refusals.take(raw, "nothing of that name is in this run")

    def _handle(self, message: ToSupervisor) -> None:
        match message:
            case Settle():
                self._settle(message)
            case Checkpoint():
                if self._is_of_now(message.stage, message.incarnation):
                    self._books.take(message)
            case Report():
                self._account.report(message)
                if message.figures.sources:
                    self._books.take(self._account.progress(message.worker))
            case Spans() if self._trace is not None:
                self._trace.take(message, self.plan)
            case Ready():
                self._ready(message)
            case LinkAt():
                self._starts.listens(message)
            case StreamOpened():
                self._books.take(message)
                self._account.stream_opened(time.monotonic())
            case Remark():
                stream = message.stage if message.stage in self.plan.sinks_of else ""
                where = {"worker": message.worker, "stage": message.stage, "stream": stream}
                log.log(message.level, "%s: %s", message.stage, message.text, extra=where)
            case Trouble():
                self._workers[message.worker].said_why()
                self._fail(f"{message.stage}: {message.text}")
            case CutShort():
                self._books.take(message)
                self._failure = self._failure or f"{message.stage}: {message.text}"
            case Enough():
                if self._ending.satisfied():
                    log.info("%s: %s; taking no more frames", message.stage, message.text)
                    self._orders.drain()
            case ServerReady() if self._server is not None:
                self._server.ready(self._context, message.endpoint)
            case Look() if self._server is not None:
                self._server.show_pictures(message, self._workers.values(), self._sinks)
            case LetGo() | MadeSafe():
                self._departures.take(message)
            case Closed():
                if self._workers[message.worker].incarnation == message.incarnation:
                    self._workers[message.worker].said_why()

    def _ready(self, message: Ready) -> None:
        worker = self._workers[message.worker]
        if worker.incarnation != message.incarnation or worker.life is not Life.STARTING:
            # The last message of one that has died meanwhile.
            return
        worker.is_ready(message, self._crew.handle_of(worker))
        if why := self._starts.chose(message):
            self._fail(why)
        if self._ending.is_closing:
            worker.send(Exit(self._ending.left_s))
        else:
            self._begin_epochs()

    def _begin_epochs(self) -> None:
        """Start, or resume, the sources whose workers are all ready."""
        begun = self._epochs.begin(lambda name: self._workers[name].life is Life.READY)
        if not begun:
            return
        if self._server is not None and not self._epochs.due:
            self._server.hasten()
        concerned, condemned, suspects = self._epochs.workers_of(begun), self._judge.condemned(), self._judge.suspects()
        self._orders.connect(begun, concerned, self._ledger.begin_epoch(begun), condemned, suspects)
        self._departures.went_on(begun)
        if self._ending.is_draining:
            self._orders.drain()

    def _settle(self, message: Settle) -> None:
        if not self._is_of_now(message.sink, message.incarnation):
            # Its replacement gets an older mark, and writes these frames again.
            return
        self._account.settled(time.monotonic())
        if self._server is not None:
            self._server.happened(message.happened)
        self._books.take(message.without_events())

    def _is_of_now(self, stage: str, incarnation: int) -> bool:
        """Whether this is the current worker of a stage without replicas, and not known to be dead."""
        worker = self._workers[self.plan.process_of(stage).workers[0]]
        return worker.incarnation == incarnation and worker.life is Life.READY

    def _tell_marks(self) -> None:
        """Send sources the marks that have moved."""
        for account in self._books.moved():
            if self._trace is not None:
                self._trace.settled(account.stream, account.mark, time.monotonic())
            self._orders.mark(account)

    def _close_if_complete(self) -> None:
        if not self._ending.is_closing and self._ledger.complete and not self._epochs.due:
            self._close()

    def _close(self) -> None:
        self._ending.close()
        self._machines.ending()
        self._orders.close(self._ending.left_s)

    def _fail(self, text: str) -> None:
        if self._failure is None:
            self._failure = text
        if not self._ending.is_closing:
            self._close()

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        # It may have interrupted anything, a send that holds a lock among it: the loop does the rest.
        self._signals.append((number, time.monotonic()))

    def _signalled(self, number: int, at: float) -> None:
        if self._ending.signalled(at) and self._ending.interrupts == 1:
            log.warning("%s: taking no more frames, finishing files; again to stop at once", signal_name(number))
            self._orders.drain()
