"""Whole graphs compared with the same work in a plain loop, in GStreamer's facedetect, and with the limit.

For each graph and picture size the ways take turns, A B C A B C. The limit of any arrangement of the same calls is
cores / CPU seconds a frame of the plain loop with one thread: all cores busy with nothing but that work. A way above it
does less work for the same answers. Boxes are counted, so that no way is fast by silently finding fewer.

Loops are timed from the first frame to the closed file, Framewire from its first frame to its last (startup is measured
in `startup`), GStreamer from its start, minus the time for two frames. GStreamer does not look for eyes in faces: it is
compared with a pipeline without them. Framewire plays the clip several times, as it is fast and a clip is short.
"""

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from shutil import which

import cv2.data
import msgspec
from msgspec import Struct
from rich.console import Console

from bench.absent import AbsentError, need_models
from bench.film import demo_clip, frames_of, write_film
from bench.loop_figures import LoopFigures
from bench.machine import Machine, this_machine
from framewire.models.finders.haar import can_compile
from framewire.pipeline.seen.summary import Summary
from tests.system.running import command

HEIGHTS = {480: 80, 720: 60, 1080: 36}
"""Picture heights, and how many pictures: a slow loop does eight a second of the largest."""
ROUNDS = {480: 1, 720: 3, 1080: 1}
"""Three rounds of all would take more than ten minutes."""
LOOPS = 4
"""How often Framewire plays a clip, so that fill and drain matter little; its faster searches do twice that."""
HERE = Path(__file__).parent


class GraphRun(Struct, frozen=True):
    """One run of one way; CPU milliseconds and boxes are per frame, or None if a peer does not report them."""

    graph: str
    height: int
    way: str
    fps: float
    cpu_ms: float
    boxes: float | None


class GraphFigures(Struct, frozen=True):
    """All rounds."""

    machine: Machine
    clip: str
    rounds: list[GraphRun]
    absent: list[str]


class Film(Struct, frozen=True):
    """What a way works on, and where it writes."""

    path: Path
    frames: int
    height: int
    out: Path
    cores: int


Way = Callable[[Film], tuple[float, float, float | None]]
"""Frames a second, milliseconds of CPU a frame, boxes a frame."""


def graphs(clip: Path | None) -> GraphFigures:
    """Measure all."""
    machine = this_machine()
    measured, absent = _what_can_run()
    with tempfile.TemporaryDirectory() as name:
        out = Path(name)
        source = clip or demo_clip(out / "demo.mp4")
        films = [
            Film(_resized(source, out / f"{height}.mp4", height, count), count, height, out, machine.cores)
            for height, count in HEIGHTS.items()
        ]
        rounds = [
            _run(graph, way, film)
            for number in range(max(ROUNDS.values()))
            for film in films
            if number < ROUNDS[film.height]
            for graph, ways in measured.items()
            for way in ways
        ]
    return GraphFigures(machine, source.name, rounds, absent)


def _what_can_run() -> tuple[dict[str, list[str]], list[str]]:
    """The ways to measure of each graph, and why others are left out."""
    measured = {graph: list(ways) for graph, ways in GRAPHS.items()}
    absent: list[str] = []
    for graph, models in MODELS.items():
        try:
            need_models(*models)
        except AbsentError as error:
            del measured[graph]
            absent.append(f"{graph}: {error}")
    for word, here, why in (
        ("GStreamer", _gstreamer_is_here(), "GStreamer's facedetect is not installed"),
        ("scouts", can_compile(), "Numba is not installed, so Framewire searches with OpenCV"),
    ):
        if not here:
            absent.append(why)
            measured = {graph: [way for way in ways if word not in way] for graph, ways in measured.items()}
    for line in absent:
        Console().print(f"left out: {line}", highlight=False)
    return measured, absent


def _run(graph: str, way: str, film: Film) -> GraphRun:
    fps, cpu_ms, boxes = GRAPHS[graph][way](film)
    run = GraphRun(
        graph, film.height, way, round(fps, 2), round(cpu_ms, 2), boxes if boxes is None else round(boxes, 2)
    )
    Console().print(f"{graph}, {film.height}p, {way}: {run.fps} fps, {run.cpu_ms} ms CPU, {run.boxes} boxes")
    return run


def _resized(source: Path, path: Path, height: int, count: int) -> Path:
    """The first pictures of the clip, in 16:9."""
    return write_film(path, islice(frames_of(source), count), (height * 16 // 18 * 2, height), 30, {"crf": "20"})


def _loop(module: str, threads: int | None, *more: str) -> Way:
    """A loop with this many threads, or one per core; no other thread counts interfere with it."""

    def measure(film: Film) -> tuple[float, float, float | None]:
        loop = [sys.executable, "-m", module, str(film.path), str(threads or film.cores), str(film.out), *more]
        done = subprocess.run(loop, stdout=subprocess.PIPE, check=True)
        found = msgspec.json.decode(done.stdout, type=LoopFigures)
        lines = (film.out / "loop.jsonl").read_bytes().splitlines()
        boxes = sum(len(msgspec.json.decode(line)["detections"]) for line in lines)
        return found.frames / found.seconds, 1000 * found.cpu_seconds / found.frames, boxes / found.frames

    return measure


def _framewire(config: Path, replicated: Sequence[str], *settings: str, loops: int = 2 * LOOPS) -> Way:
    """A pipeline whose named stages have one replica per core."""

    def measure(film: Film) -> tuple[float, float, float | None]:
        said = film.out / "summary.json"
        replicas = [f"{stage}.replicas={film.cores}" for stage in replicated]
        asked = ["--source", str(film.path), "--out", str(film.out), "--summary", str(said)]
        for setting in (*settings, *replicas, f"capture.loops={loops}"):
            asked += ["--set", setting]
        subprocess.run(command("run", str(config), *asked), capture_output=True, check=True)
        summary = msgspec.json.decode(said.read_bytes(), type=Summary)
        frames = summary.frames.written
        assert frames == loops * film.frames and summary.fps
        cpu_ms = 1000 * sum(stage.cpu_s for stage in summary.stages.values()) / frames
        return summary.fps, cpu_ms, sum(summary.detections.values()) / frames

    return measure


def _gstreamer(film: Film) -> tuple[float, float, float | None]:
    whole, few = _launched(film, film.frames), _launched(film, 2)
    frames = film.frames - 2
    return frames / (whole[0] - few[0]), 1000 * (whole[1] - few[1]) / frames, None


def _launched(film: Film, frames: int) -> tuple[float, float]:
    """Seconds and CPU seconds of a gst-launch with the tutorial's values for this many frames."""
    faces = (
        f"facedetect profile={cv2.data.haarcascades}haarcascade_frontalface_default.xml eyes-profile= nose-profile= "
        "mouth-profile= scale-factor=1.2 min-neighbors=3 min-size-width=32 min-size-height=32 flags=0"
    )
    pipeline = (
        f"filesrc location={film.path} ! decodebin ! identity eos-after={frames + 1} ! queue ! videoconvert ! {faces} "
        f"! queue ! videoconvert ! jpegenc ! avimux ! filesink location={film.out / 'gstreamer.avi'}"
    )
    started, before = time.monotonic(), _children_cpu()
    subprocess.run(["gst-launch-1.0", "-q", *pipeline.split()], check=True, capture_output=True)
    return time.monotonic() - started, _children_cpu() - before


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _gstreamer_is_here() -> bool:
    tool = which("gst-inspect-1.0")
    return tool is not None and subprocess.run([tool, "facedetect"], capture_output=True).returncode == 0


_TUTORIAL = HERE.parent / "configs" / "tutorial-haar.yaml"
_FACES = ("faces", "drawn")
_HAAR, _DNN = ("faces", "eyes", "drawn"), ("faces", "eyes", "people", "drawn")
MODELS = {"landmarks": ("yunet",), "full": ("yunet", "framewire-age-gender", "framewire-emotion")}
"""The models that a graph needs."""
GRAPHS: dict[str, dict[str, Way]] = {
    "tutorial-haar": {
        "loop, 1 thread": _loop("bench.plain_loop", 1),
        "Framewire, OpenCV's search": _framewire(
            _TUTORIAL, _HAAR, "faces.search=opencv", "eyes.search=opencv", loops=LOOPS
        ),
        "loop, all threads": _loop("bench.plain_loop", None),
        "Framewire": _framewire(_TUTORIAL, _HAAR),
        "Framewire, scouts": _framewire(_TUTORIAL, _HAAR, "faces.search=scouts"),
    },
    "faces alone": {
        "GStreamer": _gstreamer,
        "Framewire": _framewire(HERE / "faces_alone.yaml", _FACES),
        "Framewire, scouts": _framewire(HERE / "faces_alone.yaml", _FACES, "faces.search=scouts"),
    },
    "landmarks": {
        "loop, 1 thread": _loop("bench.full_loop", 1, "landmarks"),
        "loop, all threads": _loop("bench.full_loop", None, "landmarks"),
        "Framewire": _framewire(HERE / "landmarks.yaml", ("faces", "eyes", "drawn")),
    },
    "full": {
        "loop, 1 thread": _loop("bench.full_loop", 1),
        "loop, all threads": _loop("bench.full_loop", None),
        "Framewire": _framewire(HERE / "full_graph.yaml", _DNN),
        "Framewire, following": _framewire(HERE / "following.yaml", ()),
    },
}
