"""The trace of a run in Chrome's trace event format, which Perfetto (ui.perfetto.dev) and chrome://tracing open.

One track per worker and stage with the time in the stage's code; above it, how long each frame waited; and a track
per stream with every frame's life, from its capture until it was settled everywhere. The tracks of a worker are a
group, or, in a run on several machines, those of a machine.
"""

import logging
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from framewire.pipeline.graph.plan import Plan
from framewire.pipeline.graph.spec import HOME
from framewire.pipeline.wire.message import Spans

STREAMS = "frames, from capture until settled"
MICRO = 1e6
MARKS_MAX = 1000
"""Marks that are kept until a source has reported its frames, at most half a second later."""

log = logging.getLogger("framewire")


class TraceFile:
    """Grows with the run, and can be opened after a crash (the format allows the missing end).

    A disk that does not take it ends the trace, not the run.
    """

    def __init__(self, path: Path, every: int) -> None:
        """Raises OSError."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.every = every
        self._path = path
        self._file: BinaryIO | None = path.open("wb")
        self._write(b"[")
        self._first = True
        self._groups: dict[str, int] = {}
        self._machines: dict[str, str] | None = None
        self._threads: dict[tuple[int, str], int] = {}
        self._captured: dict[tuple[str, int], float] = {}
        self._marks: dict[str, deque[tuple[int, float]]] = {}

    def take(self, told: Spans, plan: Plan) -> None:
        """Write a worker's spans."""
        machine = self._machine(told.worker, plan)
        group = self._number(machine or told.worker)
        for span in told.spans:
            thread = self._thread(group, f"{span.stage} ({told.worker})" if machine else span.stage)
            name = {"name": f"{span.stream} {span.seq}", "args": {"stream": span.stream, "seq": span.seq}}
            at, lasted = span.started * MICRO, (span.done - span.started) * MICRO
            self._put({**name, "cat": "work", "ph": "X", "pid": group, "tid": thread, "ts": at, "dur": lasted})
            if span.stage in plan.sinks_of:
                self._captured[span.stream, span.seq] = span.started
                self._end_lives(span.stream)
            elif span.started > span.sent:
                identity = f"{span.stage} {span.stream} {span.seq}"
                queue = {
                    "cat": "queue",
                    "name": f"waits for {span.stage}",
                    "id": identity,
                    "pid": group,
                    "tid": thread,
                }
                self._put({**queue, "ph": "b", "ts": span.sent * MICRO, "args": name["args"]})
                self._put({**queue, "ph": "e", "ts": at})

    def settled(self, stream: str, below: int, now: float) -> None:
        """Every frame of the stream below a number is settled now."""
        self._marks.setdefault(stream, deque(maxlen=MARKS_MAX)).append((below, now))
        self._end_lives(stream)

    def _end_lives(self, stream: str) -> None:
        """Write the lives of settled frames; for some, the source reports only later that they began."""
        marks = self._marks.get(stream, ())
        for seq in sorted(seq for name, seq in self._captured if name == stream):
            now = next((at for below, at in marks if seq < below), None)
            if now is None:
                return
            captured = self._captured.pop((stream, seq))
            life = {"cat": "frame", "name": stream, "id": f"{stream} {seq}", "pid": self._number(STREAMS), "tid": 0}
            self._put({**life, "ph": "b", "ts": captured * MICRO, "args": {"stream": stream, "seq": seq}})
            self._put({**life, "ph": "e", "ts": now * MICRO})

    def close(self) -> None:
        """The run is over."""
        self._write(b"\n]\n")
        if self._file is not None:
            try:
                self._file.close()
            except OSError as error:
                self._give_up(error)

    def _machine(self, worker: str, plan: Plan) -> str:
        """The machine of a worker; nothing if the run has but one."""
        if self._machines is None:
            of = {name: one.machine_of(at) for one in plan.processes for at, name in enumerate(one.workers)}
            self._machines = {name: machine or HOME for name, machine in of.items()} if any(of.values()) else {}
        return self._machines.get(worker, "")

    def _number(self, group: str) -> int:
        """The trace's process number of a group; a new one's name is written."""
        if group not in self._groups:
            self._groups[group] = len(self._groups) + 1
            self._name("process_name", group, self._groups[group], 0)
        return self._groups[group]

    def _thread(self, group: int, track: str) -> int:
        key = (group, track)
        if key not in self._threads:
            self._threads[key] = len(self._threads) + 1
            self._name("thread_name", track, group, self._threads[key])
        return self._threads[key]

    def _name(self, what: str, name: str, process: int, thread: int) -> None:
        self._put({"name": what, "ph": "M", "pid": process, "tid": thread, "args": {"name": name}})

    def _put(self, event: dict[str, Any]) -> None:
        self._write((b"\n" if self._first else b",\n") + msgspec.json.encode(event))
        self._first = False

    def _write(self, data: bytes) -> None:
        if self._file is None:
            return
        try:
            self._file.write(data)
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        log.warning("%s: %s; the trace ends here, and the run goes on", self._path, error.strerror)
        file, self._file = self._file, None
        with suppress(OSError):
            # What is buffered cannot be written, either.
            if file is not None:
                file.close()
