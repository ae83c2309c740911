"""What the journal costs, by which a killed run can be resumed: without one, with one, and with `durable: disk`.

A film in real time, 100 frames a second, through faces on every fifth frame, track, smooth, a video and JSON. Compared
is the CPU of the supervisor, which alone writes the journal; and, for what waiting for the disk costs, the frames a
second of the same work unthrottled. Rounds are interleaved. It says nothing of other disks than this machine's.
"""

import resource
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.table import Table

from bench.film import demo_clip, frames_of, write_film
from bench.machine import Machine, this_machine
from framewire.pipeline.graph import load_pipeline
from framewire.pipeline.ledger.bookkeeping import Bookkeeping
from framewire.pipeline.ledger.identity import identity_of
from framewire.pipeline.supervisor.ending import Outcome
from framewire.pipeline.supervisor.supervisor import Supervisor

RATE = 100
WIDTH, HEIGHT = 640, 360
SECONDS = 9
ROUNDS = 5
CASES = ("none", "process", "disk")
"""No journal at all; then the values of `durable`."""


class JournalRound(Struct, frozen=True):
    """CPU seconds a second of the supervisor at 100 frames a second, and frames a second at full speed."""

    case: str
    supervisor: float
    fps: float


class JournalFigures(Struct, frozen=True):
    """All rounds; the medians against the run without a journal: shares of a core, and of the frames a second."""

    machine: Machine
    rounds: list[JournalRound]
    more: dict[str, float]
    speed: dict[str, float]


def journal() -> JournalFigures:
    """Measure."""
    with tempfile.TemporaryDirectory() as folder:
        film = _film(Path(folder))
        rounds = [_round(case, film) for _ in range(ROUNDS) for case in CASES]

    def middle(case: str, of: Callable[[JournalRound], float]) -> float:
        return median(of(one) for one in rounds if one.case == case)

    cpu = {case: middle(case, lambda one: one.supervisor) for case in CASES}
    fps = {case: middle(case, lambda one: one.fps) for case in CASES}
    result = JournalFigures(
        this_machine(),
        rounds,
        {case: round(cpu[case] - cpu["none"], 5) for case in CASES[1:]},
        {case: round(fps[case] / fps["none"], 4) for case in CASES[1:]},
    )
    table = Table("durable", "supervisor, % of a core", "more", "fps at full speed", "of that without")
    for case in CASES:
        more, speed = result.more.get(case, 0.0), result.speed.get(case, 1.0)
        table.add_row(case, f"{cpu[case]:.2%}", f"{more:+.2%}", f"{fps[case]:.1f}", f"{speed:.1%}")
    Console().print(table)
    return result


def _film(folder: Path) -> Path:
    large = demo_clip(folder / "demo.mp4", WIDTH)
    frames = (frame for _ in range(SECONDS * RATE // 300) for frame in frames_of(large))
    return write_film(folder / "film.mp4", frames, (WIDTH, HEIGHT), RATE, {"preset": "ultrafast"})


def _round(case: str, film: Path) -> JournalRound:
    supervisor, _ = _run(case, film, realtime=True)
    _, fps = _run(case, film, realtime=False)
    return JournalRound(case, supervisor, fps)


def _run(case: str, film: Path, realtime: bool) -> tuple[float, float]:
    """CPU seconds a second of the supervisor, and frames a second."""
    stages = {
        "capture": {"source": str(film), "realtime": realtime},
        "faces": {"use": "face_detect", "input": "capture", "width": 320, "min_size": 50, "detect_every": 5},
        "tracks": {"use": "track", "input": "faces"},
        "steady": {"use": "smooth", "input": "tracks"},
        "list": {"use": "jsonl_writer", "input": "steady"},
        "video": {"use": "video_writer", "input": "steady", "preset": "ultrafast"},
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = folder / "journal.yaml"
        durable = "disk" if case == "disk" else "process"
        config.write_bytes(msgspec.yaml.encode({"durable": durable, "stages": stages}))
        spec, out = load_pipeline(config), folder / "out"
        books = Bookkeeping(spec, out, None if case == "none" else identity_of(spec))
        (out / ".framewire").mkdir(parents=True)
        before = _own_cpu_s()
        outcome, summary = Supervisor(spec, out, bookkeeping=books).run()
        assert outcome is Outcome.DONE, summary.error
        return (_own_cpu_s() - before) / summary.seconds, summary.fps or 0.0


def _own_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
