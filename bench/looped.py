"""What a loop of one's own costs: `for frame in framewire.frames(...)`, against `run` with a jsonl_writer instead.

Decoding, YuNet at half size, and the end: the loop looks at each frame's detections and at its picture. Rounds are
interleaved, and one of either comes first in turn. The figure is the frames a second of the run itself, which leaves
out how long its processes take to start.
"""

import tempfile
from pathlib import Path
from statistics import median

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.table import Table

import framewire
from bench.absent import need_models
from bench.film import demo_clip
from bench.machine import Machine, this_machine
from framewire.pipeline.seen.summary import Summary

ROUNDS = 8


class LoopRound(Struct, frozen=True):
    """Frames a second of the loop, and of the run that writes JSON."""

    frames: float
    run: float


class Looped(Struct, frozen=True):
    """All rounds, and the median of what the loop reaches of the run, round by round."""

    machine: Machine
    clip: str
    rounds: list[LoopRound]
    reached: float


def looped(clip: Path | None) -> Looped:
    """Measure."""
    need_models("yunet")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        film = clip or demo_clip(folder / "demo.mp4")
        config = folder / "faces.yaml"
        stages = {
            "capture": {"source": str(film.resolve())},
            "faces": {"use": "face_detect", "input": "capture", "method": "dnn"},
            "list": {"use": "jsonl_writer", "input": "faces"},
        }
        config.write_bytes(msgspec.yaml.encode({"stages": stages}))
        rounds = [_round(config, folder / "out", loop_first=bool(number % 2)) for number in range(ROUNDS)]
    reached = median(one.frames / one.run for one in rounds)
    result = Looped(this_machine(), film.name if clip else "the demo", rounds, round(reached, 4))
    table = Table("frames(), frames/s", "run, frames/s", "reached")
    for one in rounds:
        table.add_row(f"{one.frames:.1f}", f"{one.run:.1f}", f"{one.frames / one.run:.1%}")
    Console().print(table)
    return result


def _round(config: Path, out: Path, loop_first: bool) -> LoopRound:
    if loop_first:
        taken = _loop(config)
        return LoopRound(_fps(taken), _fps(framewire.run(config, out=out)))
    written = framewire.run(config, out=out)
    return LoopRound(_fps(_loop(config)), _fps(written))


def _loop(config: Path) -> Summary:
    faces = pixels = 0
    taken = framewire.frames(config)
    for frame in taken:
        faces += len(frame.detections)
        pixels += frame.picture.size if frame.picture is not None else 0
    assert faces and pixels
    assert taken.summary is not None
    return taken.summary


def _fps(summary: Summary) -> float:
    assert summary.fps is not None, summary.error
    return summary.fps
