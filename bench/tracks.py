"""Tracking instead of searching: how many boxes it keeps, what it saves, and how stable its labels are.

Two runs on the same video: the network looks at every frame and the classifiers at every face; then it looks at every
fifth frame, and the classifiers at a face once in ten frames or when it is seen better. Compared are the boxes (the
share of the first run's that a box of the second overlaps by half, and vice versa), the number of track IDs, and how
often a track's label changes from one frame to the next, with and without `smooth`. There is no ground truth:
identities are only known from the first run, so an ID switch is a box with a track ID whose match had another ID
before.
"""

import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import av
import msgspec
from msgspec import Struct
from rich.console import Console
from rich.table import Table

from bench.absent import need_models
from bench.film import demo_clip
from bench.machine import Machine, this_machine
from bench.streams import cpu_ms
from framewire.models.box import overlap
from framewire.models.evaluation.faces import OVERLAP
from framewire.pipeline.graph import load_pipeline
from framewire.pipeline.supervisor import Outcome, Supervisor

DETECT_EVERY, LOOK_EVERY = 5, 10
ATTRIBUTES = ("age", "gender", "emotion")

Line = dict[str, Any]


class TracksRun(Struct, frozen=True):
    """One way: frames a second, CPU milliseconds a frame, track IDs, label changes a minute of video.

    `raw` are changes in the classifiers' labels, `smooth` those after `smooth`.
    """

    fps: float
    cpu_ms: float
    boxes: int
    ids: int
    raw: dict[str, float]
    smooth: dict[str, float]


class Tracks(Struct, frozen=True):
    """Both ways; of the boxes of each, the share that the other has; ID switches a minute in the second run."""

    machine: Machine
    clip: str
    every_frame: TracksRun
    following: TracksRun
    kept: float
    invented: float
    switches: float
    faster: float


def tracks(clip: Path | None) -> Tracks:
    """Measure."""
    need_models("yunet", "framewire-age-gender", "framewire-emotion")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        film = clip or demo_clip(folder / "demo.mp4")
        minutes = _minutes(film)
        (dense, dense_lines), (sparse, sparse_lines) = (
            _run(film, folder / str(every), every, look, minutes)
            for every, look in ((1, 1), (DETECT_EVERY, LOOK_EVERY))
        )
        kept, _ = _matched(dense_lines, sparse_lines)
        real, switches = _matched(sparse_lines, dense_lines)
        result = Tracks(
            this_machine(),
            film.name,
            dense,
            sparse,
            round(kept, 4),
            round(1 - real, 4),
            round(switches / minutes, 1),
            round(sparse.fps / dense.fps, 2),
        )
    _show(result)
    return result


def _run(film: Path, out: Path, every: int, look: int, minutes: float) -> tuple[TracksRun, list[Line]]:
    out.mkdir()
    models = [{"model": "framewire-age-gender"}, {"model": "framewire-emotion"}]
    pipeline = {
        "stages": {
            "capture": {"source": str(film)},
            "faces": {
                "use": "face_detect",
                "input": "capture",
                "method": "dnn",
                "model": "yunet",
                "detect_every": every,
            },
            "tracks": {"use": "track", "input": "faces", "look_every": look},
            "people": {"use": "classify", "input": "tracks", "models": models},
            "steady": {"use": "smooth", "input": "people"},
            "drawn": {"use": "annotate", "input": "steady"},
            "video": {"use": "video_writer", "input": "drawn", "process": "files"},
            "raw": {"use": "jsonl_writer", "input": "people", "process": "files", "path": "raw.jsonl"},
            "list": {"use": "jsonl_writer", "input": "steady", "process": "files", "path": "list.jsonl"},
        },
    }
    config = out / "tracks.yaml"
    config.write_bytes(msgspec.yaml.encode(pipeline))
    outcome, summary = Supervisor(load_pipeline(config), out).run()
    assert outcome is Outcome.DONE, summary.error
    raw, smooth = _lines(out / "raw.jsonl"), _lines(out / "list.jsonl")
    found = [one for line in smooth for one in line["detections"]]
    return (
        TracksRun(
            summary.fps or 0.0,
            cpu_ms(summary, tuple(summary.stages)),
            len(found),
            len({one["track"] for one in found if "track" in one}),
            _changes(raw, minutes),
            _changes(smooth, minutes),
        ),
        smooth,
    )


def _lines(path: Path) -> list[Line]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _minutes(film: Path) -> float:
    with av.open(str(film)) as container:
        return float((container.duration or 0) / 60e6)


def _changes(lines: list[Line], minutes: float) -> dict[str, float]:
    """How often a track's label differs from the last one it had, by attribute."""
    said: dict[tuple[int, str], str] = {}
    changes: Counter[str] = Counter()
    for line in lines:
        for one in line["detections"]:
            for name, attribute in one.get("attributes", {}).items():
                key = (one.get("track", -1), name)
                changes[name] += said.get(key, attribute["label"]) != attribute["label"]
                said[key] = attribute["label"]
    return {name: round(changes[name] / minutes, 1) for name in ATTRIBUTES}


def _matched(ours: list[Line], theirs: list[Line]) -> tuple[float, int]:
    """The share of our boxes that one of theirs overlaps; and how often a track of ours has a new partner."""
    boxes, matched, switches = 0, 0, 0
    partners: dict[int, int] = {}
    for mine, other in zip(ours, theirs, strict=True):
        for one in mine["detections"]:
            boxes += 1
            best = max(other["detections"], key=lambda two: overlap(one["box"], two["box"]), default=None)
            if best is None or overlap(one["box"], best["box"]) < OVERLAP:
                continue
            matched += 1
            if "track" in one and "track" in best:
                switches += partners.get(one["track"], best["track"]) != best["track"]
                partners[one["track"]] = best["track"]
    return matched / max(1, boxes), switches


def _show(result: Tracks) -> None:
    table = Table("", "every frame", f"1 in {DETECT_EVERY}", title=result.clip)
    rows = [("frames a second", "fps"), ("CPU a frame, ms", "cpu_ms"), ("boxes", "boxes"), ("track IDs", "ids")]
    for words, field in rows:
        table.add_row(words, *(str(getattr(run, field)) for run in (result.every_frame, result.following)))
    for name in ATTRIBUTES:
        for kind in ("raw", "smooth"):
            cells = (str(getattr(run, kind)[name]) for run in (result.every_frame, result.following))
            table.add_row(f"{name} changes a minute, {kind}", *cells)
    console = Console()
    console.print(table)
    console.print(
        f"{result.kept:.1%} of the boxes kept, {result.invented:.1%} new; {result.switches} ID switches a minute; "
        f"{result.faster:.2f} times the frames a second"
    )
