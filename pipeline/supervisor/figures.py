"""What the workers report, put together: counts, times, CPU, restarts, by stage and by stream."""

from collections import Counter

from pipeline.graph.plan import Plan, Process
from pipeline.graph.spec import PipelineSpec
from pipeline.histogram import Histogram
from pipeline.message import Report, SourceFigures, StageFigures
from pipeline.summary import Frames, Milliseconds, StageSummary, StreamSummary, Summary
from pipeline.supervisor.ledger import Ledger, StreamAccount


class Figures:
    """Keeps the last report of every incarnation of every worker; sums them when asked."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._reports: dict[tuple[str, int], Report] = {}
        self._restarts: Counter[str] = Counter()
        self._started: float | None = None
        self._last: float | None = None

    def report(self, report: Report) -> None:
        """Take in a worker's report: it replaces its earlier ones."""
        self._reports[report.worker, report.incarnation] = report

    def restarted(self, process: Process) -> None:
        """A worker of this process starts again."""
        self._restarts[process.name] += 1

    def stream_opened(self, now: float) -> None:
        """The first stream that opens starts the clock."""
        if self._started is None:
            self._started = self._last = now

    def settled(self, now: float) -> None:
        """The clock runs to the last frame that settles."""
        self._last = now

    def summary(self, spec: PipelineSpec, ledger: Ledger, failure: str | None, refused: int) -> Summary:
        """The account of now."""
        streams = {name: self._stream(account) for name, account in ledger.streams.items()}
        frames = _total([stream.frames for stream in streams.values()])
        seconds = (self._last or 0.0) - (self._started or 0.0)
        found: Counter[str] = Counter()
        for account in ledger.streams.values():
            found.update(account.found)
        return Summary(
            pipeline=spec.name,
            frames=frames,
            detections=dict(sorted(found.items())),
            fps=round(frames.written / seconds, 2) if seconds > 0 else None,
            seconds=round(seconds, 3),
            end_to_end_ms=self._end_to_end(),
            stages={stage.name: self._stage(stage.name) for stage in spec.stages},
            streams=streams,
            refused_messages=refused + sum(report.refused for report in self._reports.values()),
            error=failure or _too_many_failed(frames, spec.max_failed),
        )

    def _stage(self, name: str) -> StageSummary:
        process = self._plan.process_of(name)
        total, cpu = StageFigures(), 0.0
        facts: dict[str, str] = {}
        for report in self._of(process):
            figures = report.stages.get(name)
            if figures is not None:
                total.count += figures.count
                total.calls += figures.calls
                total.work.merge(figures.work)
                cpu += _share_of_cpu(report, name)
                facts.update(figures.facts)
        return StageSummary(
            count=total.count,
            p50_ms=_ms(total.work, 0.5),
            p99_ms=_ms(total.work, 0.99),
            cpu_s=round(cpu, 3),
            restarts=self._restarts[process.name],
            replicas=process.replicas,
            mean_batch=round(total.count / total.calls, 2) if total.calls else None,
            facts=facts,
        )

    def _stream(self, account: StreamAccount) -> StreamSummary:
        of_source = [
            report.sources.get(account.stream, SourceFigures())
            for report in self._of(self._plan.process_of(account.source))
        ]
        # What is settled was admitted, also where the source died before it could say so.
        admitted = max([figures.admitted for figures in of_source] + [account.settled])
        skipped: Counter[str] = Counter()
        for figures in of_source:
            skipped.update(figures.skipped)
        frames = Frames(
            admitted=account.settled if account.ended else admitted,
            written=account.written,
            dropped=dict(sorted(account.dropped.items())),
            failed=dict(sorted(account.failed.items())),
        )
        frames.in_flight = frames.admitted - account.settled
        opened = account.opened
        return StreamSummary(
            source=account.source,
            description=opened.description if opened else "",
            width=opened.width if opened else 0,
            height=opened.height if opened else 0,
            window=opened.window if opened else 0,
            frames=frames,
            skipped=dict(skipped),
            damaged=sum(figures.damaged for figures in of_source),
            expected=opened.expected if opened else None,
            ended=account.ended,
        )

    def _of(self, process: Process) -> list[Report]:
        return [report for (worker, _), report in self._reports.items() if worker in process.workers]

    def _end_to_end(self) -> Milliseconds:
        """Of the slowest sink: a frame has arrived when it is everywhere."""
        slowest = Histogram()
        for sink in {sink for sinks in self._plan.sinks_of.values() for sink in sinks}:
            total = Histogram()
            for report in self._of(self._plan.process_of(sink)):
                if sink in report.stages:
                    total.merge(report.stages[sink].end_to_end)
            if (total.percentile(0.5) or 0) >= (slowest.percentile(0.5) or 0):
                slowest = total
        return Milliseconds(_ms(slowest, 0.5), _ms(slowest, 0.99))


def _share_of_cpu(report: Report, stage: str) -> float:
    """A stage's part of its process' CPU seconds: by the time in its own code, where it shares the process."""
    total = sum(figures.cpu_seconds for figures in report.stages.values())
    if not total:
        return report.cpu_seconds / len(report.stages)
    return report.cpu_seconds * report.stages[stage].cpu_seconds / total


def _ms(histogram: Histogram, share: float) -> float | None:
    seconds = histogram.percentile(share)
    return None if seconds is None else round(seconds * 1000, 3)


def _total(parts: list[Frames]) -> Frames:
    total = Frames(dropped={}, failed={})
    for part in parts:
        total.admitted += part.admitted
        total.written += part.written
        total.in_flight += part.in_flight
        total.dropped = dict(Counter(total.dropped) + Counter(part.dropped))
        total.failed = dict(Counter(total.failed) + Counter(part.failed))
    return total


def _too_many_failed(frames: Frames, max_failed: float) -> str | None:
    failed = sum(frames.failed.values())
    if not failed or failed <= max_failed * frames.admitted:
        return None
    worst = max(frames.failed, key=lambda reason: frames.failed[reason])
    return (
        f"{failed} of {frames.admitted} frames failed, most of them with {worst}; "
        f"the pipeline allows a share of {max_failed:g} (max_failed)"
    )
