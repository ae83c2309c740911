"""Combines the workers' reports and the ledger into a snapshot of the current state."""

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from framewire.pipeline.cores import usable_cores
from framewire.pipeline.crew.crew import Crew
from framewire.pipeline.crew.stuck import named, seconds_on
from framewire.pipeline.crew.worker_record import Life, WorkerRecord
from framewire.pipeline.graph.plan import Plan
from framewire.pipeline.graph.spec import HOME, PipelineSpec, StageSpec
from framewire.pipeline.ledger.journal import Progress
from framewire.pipeline.ledger.ledger import Ledger, StreamAccount
from framewire.pipeline.machines.inventory import links_seen, machines_seen
from framewire.pipeline.nodes.notes import Call
from framewire.pipeline.seen.figures import SourceFigures, StageFigures, WorkerFigures
from framewire.pipeline.seen.machine import NO_PIXELS
from framewire.pipeline.seen.snapshot import Frames, Snapshot, StageNow, StreamNow, WorkerNow
from framewire.pipeline.stage import StreamPhase
from framewire.pipeline.wire.message import Report

LIVES_KEPT = 2
"""A dead worker's last report may come after its successor's first."""


class _Told:
    """One worker's reports: the sum of its dead processes, and the last report of the current one."""

    def __init__(self, before: dict[str, SourceFigures]) -> None:
        """`before` is what its sources had seen when the run was killed that this one resumes."""
        self._dead = WorkerFigures(sources=before)
        self._last = {0: WorkerFigures()}
        """The last report of each incarnation from which one may still come: the newest two."""

    def report(self, report: Report) -> None:
        if report.incarnation < min(self._last):
            return
        self._last[report.incarnation] = report.figures
        while len(self._last) > LIVES_KEPT:
            self._dead.merge(self._last.pop(min(self._last)))

    def total(self) -> WorkerFigures:
        if len(self._last) == 1 and not self._dead.sources:
            return next(iter(self._last.values()))
        total = self._dead.copy()
        for incarnation in sorted(self._last):
            total.merge(self._last[incarnation])
        return total


class Account:
    """Keeps each worker's reports; its counters never decrease, whoever dies."""

    def __init__(
        self, spec: PipelineSpec, plan: Plan, seen: Mapping[str, dict[str, SourceFigures]], seconds: float
    ) -> None:
        """`seen` is what the workers' sources had seen, after `seconds`, in the run that this one resumes."""
        self._seconds_before = seconds
        self._cores = usable_cores()
        self._spec = spec
        self._plan = plan
        self._told = {worker: _Told(seen.get(worker, {})) for process in plan.processes for worker in process.workers}
        self._pixels = {
            worker: spec.links.pixels if process.looking else NO_PIXELS
            for process in plan.processes
            for worker in process.workers
        }
        self._restarts: Counter[str] = Counter()
        self._started: float | None = time.monotonic() if seconds else None
        self._last: float | None = self._started

    def report(self, report: Report) -> None:
        """Take a worker's report: it replaces its earlier ones."""
        self._told[report.worker].report(report)

    def restarted(self, worker: str) -> None:
        """A worker is restarted."""
        self._restarts[worker] += 1

    def stream_opened(self, now: float) -> None:
        """The first stream that opens starts the clock."""
        if self._started is None:
            self._started = self._last = now

    def settled(self, now: float) -> None:
        """The clock runs until the last frame settles."""
        self._last = now

    def snapshot(self, ledger: Ledger, crew: Crew, ready: bool, refused: int, failure: str | None) -> Snapshot:
        """The current account. `refused` counts messages that the supervisor itself refused."""
        workers = crew.workers.values()
        totals = {name: told.total() for name, told in self._told.items()}
        calls = [call for worker in workers if worker.life is Life.READY and (call := worker.call()) is not None]
        seen = {worker.name: self._worker(worker, totals[worker.name]) for worker in workers}
        waiting = {worker.name for worker in workers if worker.life is Life.WAITING}
        machines = machines_seen(crew.machines, seen.values(), waiting, self._cores)
        away = {name for name, machine in machines.items() if machine.awaited}
        waits = {name: seen[name].machine for name in waiting if seen[name].machine in away}
        sent = {name: figures.link_bytes for name, figures in totals.items()}
        stages = {stage.name: self._stage(stage, totals, calls, ledger, waits) for stage in self._spec.stages}
        return Snapshot(
            pipeline=self._spec.name,
            time=time.time(),
            seconds=self._seconds(),
            max_failed=self._spec.max_failed,
            cores=self._cores,
            stages=stages,
            streams=_streams(ledger, totals.values(), [s.name for s in self._spec.stages if s.kind == "source"]),
            workers=seen,
            refused=refused,
            failure=failure,
            ready=ready and not any(stage.cannot_write_s for stage in stages.values()),
            machines=machines,
            links=links_seen(seen.values(), sent, self._pixels),
            strangers=crew.machines.strangers,
        )

    def progress(self, worker: str) -> Progress:
        """What a run that resumes this one must know of a worker's sources."""
        return Progress(worker, self._told[worker].total().sources, self._seconds())

    def _seconds(self) -> float:
        return round(self._seconds_before + (self._last or 0.0) - (self._started or 0.0), 3)

    def _worker(self, worker: WorkerRecord, figures: WorkerFigures) -> WorkerNow:
        up = worker.life is Life.READY
        memory = figures.resident_bytes if up else 0
        restarts = self._restarts[worker.name]
        link = worker.process.name if worker.process.towards is not None else ""
        machine = self._machine(worker.machine)
        return WorkerNow(
            *(worker.name, up, restarts, figures.cpu_seconds, memory, figures.refused, figures.late), machine, link
        )

    def _machine(self, name: str) -> str:
        """What users call a machine; nothing where there is but one."""
        return (name or HOME) if self._spec.machines else ""

    def _stage(
        self,
        stage: StageSpec,
        totals: dict[str, WorkerFigures],
        calls: Sequence[Call],
        ledger: Ledger,
        waits: Mapping[str, str],
    ) -> StageNow:
        process = self._plan.process_of(stage.name)
        # A source may wait for its next picture as long as it likes.
        own = [call for call in calls if call.frames[0].stage == stage.name and stage.kind != "source"]
        longest = max(own, key=seconds_on, default=None)
        of = {worker: totals[worker] for worker in process.workers}
        own_figures = {worker: figures.stages.get(stage.name, StageFigures()) for worker, figures in of.items()}
        failing = [at for figures in own_figures.values() if (at := figures.cannot_write_since) is not None]
        cpu = {worker: _share_of_cpu(figures, stage.name) for worker, figures in of.items()}
        cpu_on: dict[str, float] = {}
        for replica, worker in enumerate(process.workers):
            machine = self._machine(process.machine_of(replica))
            cpu_on[machine] = cpu_on.get(machine, 0.0) + cpu[worker]
        return StageNow(
            name=stage.name,
            use=stage.use,
            kind=stage.kind,
            inputs=stage.inputs,
            replicas=process.replicas,
            restarts=sum(self._restarts[worker] for worker in of),
            may_have_replicas=stage.kind == "stage" and not stage.ordered,
            searches_width=stage.kind == "stage" and "width" in stage.options,
            cpu_seconds=sum(cpu.values()),
            workers=own_figures,
            in_call_s=sum(map(seconds_on, own)),
            longest=named(longest.frames) if longest is not None else "",
            longest_s=seconds_on(longest),
            skips=stage.lag == "skip",
            skipped=sum(account.skipped.get(stage.name, 0) for account in ledger.streams.values())
            if stage.lag == "skip"
            else 0,
            cannot_write_s=time.monotonic() - min(failing) if failing else 0.0,
            cpu_on=cpu_on if self._spec.machines else {},
            waits_for=tuple(dict.fromkeys(waits[worker] for worker in of if worker in waits)),
        )


def _streams(ledger: Ledger, workers: Iterable[WorkerFigures], sources: Iterable[str]) -> dict[str, StreamNow]:
    """The stream of each source: until its worker names it, it has the source's name."""
    seen = {stream: figures for worker in workers for stream, figures in worker.sources.items()}
    named = {account.source for account in ledger.streams.values()} | {figures.source for figures in seen.values()}
    seen.update({source: SourceFigures(source) for source in sources if source not in named})
    names = dict.fromkeys([*ledger.streams, *seen])
    return {name: _stream(ledger.streams.get(name), seen.get(name, SourceFigures())) for name in names}


def _stream(account: StreamAccount | None, seen: SourceFigures) -> StreamNow:
    account = account or StreamAccount(seen.source, "", ())
    # Settled frames were admitted, even if the source died before it reported so.
    admitted = account.settled if account.ended else max(seen.admitted, account.settled)
    opened = account.opened
    return StreamNow(
        source=account.source,
        description=opened.description if opened else "",
        width=opened.width if opened else 0,
        height=opened.height if opened else 0,
        window=opened.window if opened else 0,
        frames=Frames(
            admitted=admitted,
            written=account.written,
            dropped=dict(sorted(account.dropped.items())),
            failed=dict(sorted(account.failed.items())),
            in_flight=admitted - account.settled,
        ),
        skipped=seen.skipped,
        damaged=seen.damaged,
        expected=opened.expected if opened else None,
        ended=account.ended,
        state=StreamPhase.ENDED.value if account.ended else seen.state or StreamPhase.CONNECTING.value,
        reconnects=seen.reconnects,
        resent=seen.resent,
        found=dict(account.found),
        events=account.events,
    )


def _share_of_cpu(worker: WorkerFigures, stage: str) -> float:
    """A stage's part of its process' CPU seconds: by the time in its own code, if it shares the process."""
    total = sum(figures.cpu_seconds for figures in worker.stages.values())
    if not total:
        return worker.cpu_seconds / max(1, len(worker.stages))
    return worker.cpu_seconds * worker.stages[stage].cpu_seconds / total
