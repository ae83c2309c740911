"""What `explain` promises for a change, compared with what it really gives.

Graphs limited by one stage: by Haar in a single worker (a replica; half the width), and by a stage that waits without
using the processor, like one that queries a server (a replica). Each is run as it is, explained, changed as suggested,
and run again. The error is given as a share; the model ignores caches, memory and the other processes.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.table import Table

from bench.film import demo_clip
from bench.machine import Machine, this_machine
from framewire.pipeline.graph import load_pipeline
from framewire.pipeline.seen.explain import explain
from framewire.pipeline.seen.summary import Summary
from framewire.pipeline.supervisor import Outcome, Supervisor

Stages = dict[str, dict[str, Any]]
WIDTH = 960
ODD = Path(__file__).parents[1] / "tests" / "system" / "pipelines"


class Promise(Struct, frozen=True):
    """Frames a second before, as promised, and after."""

    change: str
    before: float
    promised: float
    after: float


class Promises(Struct, frozen=True):
    """All promises, and the largest error as a share of what was reached."""

    machine: Machine
    promises: list[Promise]
    worst: float


def promises(clip: Path | None) -> Promises:
    """Measure."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        film = str(clip or demo_clip(folder / "demo.mp4"))
        found = [
            _promise("one more replica of faces", _haar(film), {"replicas": 2}, folder),
            _promise("half the width for faces", _haar(film), {"width": WIDTH // 2}, folder),
            _promise("one more replica of faces", _waiting(film), {"replicas": 2}, folder),
        ]
    worst = max(abs(one.promised / one.after - 1) for one in found)
    result = Promises(this_machine(), found, round(worst, 3))
    table = Table("change", "before", "promised", "after", "off by")
    for one in found:
        off = f"{one.promised / one.after - 1:+.1%}"
        table.add_row(one.change, f"{one.before:.1f}", f"{one.promised:.1f}", f"{one.after:.1f}", off)
    Console().print(table)
    return result


def _haar(film: str) -> Stages:
    return {
        "capture": {"source": film},
        "faces": {"use": "face_detect", "input": "capture", "method": "haar", "width": WIDTH},
        "list": {"use": "jsonl_writer", "input": "faces"},
    }


def _waiting(film: str) -> Stages:
    return {
        "capture": {"source": film},
        "faces": {"use": "odd_stages:SlowStage", "input": "capture", "seconds": 0.03},
        "list": {"use": "jsonl_writer", "input": "faces"},
    }


def _promise(change: str, stages: Stages, options: dict[str, Any], folder: Path) -> Promise:
    before = _run(stages, folder)
    (promised,) = (one for one in explain(before).changes if one.what.startswith(change))
    after = _run({**stages, "faces": {**stages["faces"], **options}}, folder)
    return Promise(promised.what, before.fps or 0.0, promised.fps, after.fps or 0.0)


def _run(stages: Stages, folder: Path) -> Summary:
    if str(ODD) not in sys.path:
        sys.path.append(str(ODD))
    config = folder / "promises.yaml"
    config.write_bytes(msgspec.yaml.encode({"stages": stages}))
    outcome, summary = Supervisor(load_pipeline(config), folder / "out").run()
    assert outcome is Outcome.DONE, summary.error
    return summary
