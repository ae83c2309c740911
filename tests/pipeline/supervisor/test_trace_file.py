import json
from pathlib import Path
from typing import Any

from framewire.pipeline.graph import PipelineSpec, StageSpec, make_plan
from framewire.pipeline.supervisor.trace_file import TraceFile
from framewire.pipeline.wire.message import Span, Spans

PLAN = make_plan(
    PipelineSpec(
        name="p",
        stages=(
            StageSpec(name="source", use="x", kind="source"),
            StageSpec(name="work", use="x", inputs=("source",), kind="sink"),
        ),
    )
)
SPREAD = make_plan(
    PipelineSpec(
        name="p",
        stages=(
            StageSpec(name="source", use="x", kind="source"),
            StageSpec(name="work", use="x", inputs=("source",), replicas=2, machine="n1"),
            StageSpec(name="list", use="x", inputs=("work",), kind="sink", machine="n1"),
        ),
        engine="agents",
        machines=("n1",),
    )
)
NAMES = {"name", "ph", "pid", "tid", "ts", "dur", "cat", "args", "id"}


def told(trace: TraceFile) -> None:
    trace.take(Spans("source#0", [Span("source", "s", 0, 1.0, 1.0, 1.5)]), PLAN)
    trace.take(Spans("work#0", [Span("work", "s", 0, 1.5, 2.0, 2.25)]), PLAN)
    trace.settled("s", 1, 3.0)


def events(path: Path) -> list[dict[str, Any]]:
    return list(json.loads(path.read_text()))


def test_work_queues_and_lives(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "trace.json"
    trace = TraceFile(path, 1)
    told(trace)
    trace.close()
    found = events(path)
    assert all(set(event) <= NAMES for event in found)
    work = {event["name"]: (event["ts"], event["dur"]) for event in found if event.get("cat") == "work"}
    assert work == {"s 0": (2e6, 0.25e6)}
    spans = [(event["ts"], event["dur"]) for event in found if event["ph"] == "X"]
    assert spans == [(1e6, 0.5e6), (2e6, 0.25e6)]
    queue = [(event["ph"], event["ts"]) for event in found if event.get("cat") == "queue"]
    assert queue == [("b", 1.5e6), ("e", 2e6)]
    life = [(event["ph"], event["ts"]) for event in found if event.get("cat") == "frame"]
    assert life == [("b", 1e6), ("e", 3e6)]
    processes = {event["args"]["name"]: event["pid"] for event in found if event["name"] == "process_name"}
    assert set(processes) == {"source#0", "work#0", "frames, from capture until settled"}


def test_a_source_that_tells_late(tmp_path: Path) -> None:
    trace = TraceFile(tmp_path / "t.json", 1)
    trace.settled("s", 2, 3.0)
    trace.settled("s", 4, 4.0)
    trace.take(Spans("source#0", [Span("source", "s", seq, seq, seq, seq) for seq in range(5)]), PLAN)
    trace.close()
    ends = [event["ts"] for event in events(tmp_path / "t.json") if event["ph"] == "e"]
    assert ends == [3e6, 3e6, 4e6, 4e6]


def test_what_was_told_before_a_crash_can_be_opened(tmp_path: Path) -> None:
    trace = TraceFile(tmp_path / "trace.json", 1)
    told(trace)
    assert trace._file is not None
    trace._file.flush()
    # The format's readers accept a missing bracket; JSON does not.
    assert json.loads((tmp_path / "trace.json").read_text() + "]")
    trace.close()


def test_in_a_run_on_several_machines_each_is_a_group(tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    trace = TraceFile(path, 1)
    for worker in ("source#0", "work#0", "work#1", "list#0"):
        stage = worker.partition("#")[0]
        trace.take(Spans(worker, [Span(stage, "s", 0, 1.0, 2.0, 3.0)]), SPREAD)
    trace.close()
    found = events(path)
    groups = {event["pid"]: event["args"]["name"] for event in found if event["name"] == "process_name"}
    tracks = {event["args"]["name"]: groups[event["pid"]] for event in found if event["name"] == "thread_name"}
    assert tracks == {
        "source (source#0)": "home",
        "work (work#0)": "n1",
        "work (work#1)": "n1",
        "list (list#0)": "n1",
    }
    tids = {event["tid"] for event in found if event["name"] == "thread_name"}
    assert len(tids) == len(tracks)
