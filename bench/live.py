"""From a camera to a file: how old a frame of a network stream is when each sink has written it.

A real RTSP server (GStreamer's) on this machine serves a video in real time, H.264, 1280x720, 30 frames a second.
YuNet, age, gender and emotion run on it, boxes are drawn, a video and lines of JSON are written. Times start when the
decoder returns the picture: earlier delays in camera, network and decoder are not included. The server shares the same
cores.
"""

import tempfile
from itertools import chain, count, islice
from pathlib import Path

import msgspec
from msgspec import Struct
from rich.console import Console

from bench.absent import AbsentError, need_models
from bench.film import demo_clip, frames_of, write_film
from bench.machine import Machine, this_machine
from framewire.pipeline.graph import load_pipeline
from framewire.pipeline.supervisor import Supervisor
from tests.system.running import free_port
from tests.system.test_rtsp import has_server, rtsp

SECONDS, RATE = 30, 30
WINDOW = 16


class Live(Struct, frozen=True):
    """Frames written, pictures replaced by newer ones, and milliseconds from capture to the slowest sink."""

    machine: Machine
    frames: int
    fps: float | None
    replaced: int
    p50_ms: float | None
    p99_ms: float | None


def live(clip: Path | None) -> Live:
    """Measure."""
    need_models("yunet", "framewire-age-gender", "framewire-emotion")
    if not has_server():
        raise AbsentError("Debian's gir1.2-gst-rtsp-server-1.0 is not installed")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        film = _repeated(folder / "film.mp4", clip or demo_clip(folder / "demo.mp4"))
        port = free_port()
        with rtsp(port, film):
            config = folder / "live.yaml"
            config.write_bytes(msgspec.yaml.encode(_pipeline(f"rtsp://127.0.0.1:{port}/live")))
            _, summary = Supervisor(load_pipeline(config), folder).run()
    (stream,) = summary.streams.values()
    result = Live(
        this_machine(),
        summary.frames.written,
        summary.fps,
        sum(stream.skipped.values()),
        stream.end_to_end_ms.p50,
        stream.end_to_end_ms.p99,
    )
    Console().print(
        f"{result.frames} frames, {result.fps} a second, {result.replaced} replaced; "
        f"from capture to the last sink p50 {result.p50_ms} ms, p99 {result.p99_ms} ms"
    )
    return result


def _pipeline(url: str) -> dict[str, object]:
    models = [{"model": "framewire-age-gender"}, {"model": "framewire-emotion"}]
    return {
        "window": WINDOW,
        "stages": {
            "capture": {"source": url, "limit": SECONDS * RATE},
            "faces": {
                "use": "face_detect",
                "input": "capture",
                "method": "dnn",
                "model": "yunet",
                "batch": {"size": 1},
            },
            "people": {"use": "classify", "input": "faces", "models": models},
            "drawn": {"use": "annotate", "input": "people"},
            "video": {"use": "video_writer", "input": "drawn"},
            "list": {"use": "jsonl_writer", "input": "people"},
        },
    }


def _repeated(path: Path, clip: Path) -> Path:
    """The clip repeated, with a key frame every second, for longer than the measurement takes."""
    again = chain.from_iterable(frames_of(clip) for _ in count())
    options = {"preset": "veryfast", "g": str(RATE), "bf": "0"}
    return write_film(path, islice(again, (SECONDS + 10) * RATE), (1280, 720), RATE, options)
