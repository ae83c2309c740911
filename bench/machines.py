"""What several machines cost and bring: CPU and bytes of a link for each picture, and streams dealt out over two.

All "machines" are agents on this one, so a link goes over loopback, where it is encrypted only if told so. For the hop,
a film crosses to a stage that looks at one pixel, and the packet comes back without it: the CPU is that of both ends,
both ways. For streams dealt out, each agent is pinned to a core of its own, and compared with all of it on one core.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.table import Table

from bench.film import demo_clip
from bench.machine import Machine, this_machine
from bench.ports import free_port
from framewire.pipeline.graph import load_pipeline
from framewire.pipeline.line.keys import make_keys
from framewire.pipeline.seen.summary import Summary
from framewire.pipeline.supervisor import Outcome, Supervisor
from framewire.pipeline.terminal.agents_address import Found, machines_for

ROOT = Path(__file__).resolve().parents[1]
STAGES = Path(__file__).with_name("idle_stages.py")
ROUNDS = 3
WIDTH = 1280
TIMES = 2
FORMS = (("raw", "auto"), ("raw", "always"), ("jpeg", "always"))
"""What `links` says of pixels and security; auto does not encrypt here."""
DEALT = 4
"""Streams, two for each machine."""


class HopRound(Struct, frozen=True):
    """One run: CPU milliseconds and bytes for each picture, of both ends of the link; latency in milliseconds."""

    pixels: str
    secure: str
    cpu_ms: float
    there_bytes: float
    back_bytes: float
    latency_ms: float
    local_latency_ms: float


class DealtRound(Struct, frozen=True):
    """One run of the same streams on one core, and dealt out to two machines of a core each; frames a second."""

    one_fps: float
    two_fps: float


class Machines(Struct, frozen=True):
    """All runs."""

    machine: Machine
    hops: list[HopRound]
    dealt: list[DealtRound]


def machines() -> Machines:
    """Measure; the ways take turns."""
    with tempfile.TemporaryDirectory() as folder:
        clip = demo_clip(Path(folder, "clip.mp4"), WIDTH, TIMES)
        hops = [_hop(clip, *form) for _ in range(ROUNDS) for form in FORMS]
        dealt = [_dealt(clip) for _ in range(ROUNDS)]
    result = Machines(this_machine(), hops, dealt)
    _show(result)
    return result


def _hop(clip: Path, pixels: str, secure: str) -> HopRound:
    graph = f"""
stages:
  capture: {{source: "{clip}", realtime: true}}
  look: {{use: "idle_stages:Look", input: capture%s}}
  gone: {{use: "idle_stages:Gone", input: look}}
"""
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        # Beside the file, it goes to the other machine alone, without all of bench.
        shutil.copy(STAGES, folder)
        local = folder / "local.yaml"
        local.write_text(graph % "")
        _, alone = Supervisor(load_pipeline(local), folder / "alone").run()
        config = folder / "far.yaml"
        links = f"links: {{pixels: {pixels}, secure: {secure}}}\n"
        config.write_text(f"engine: agents\nmachines: {{n: {{}}}}\n{links}" + graph % ", on: n")
        make_keys(folder / "keys", ["n"])
        port = free_port()
        spec = load_pipeline(config)
        with _agent(folder, "n", port):
            found = Found(f"127.0.0.1:{port}", folder / "keys", None, False)
            supervisor = Supervisor(spec, folder / "out", machines=machines_for(spec, folder / "out", found))
            outcome, summary = supervisor.run()
    assert outcome is Outcome.DONE, summary.error
    links, frames = supervisor.snapshot().links, summary.frames.written
    return HopRound(
        pixels,
        secure,
        round(1000 * sum(link.cpu_seconds for link in links.values()) / frames, 2),
        round(links["home>n"].sent_bytes / frames),
        round(links["n>home"].sent_bytes / frames),
        round(summary.end_to_end_ms.p50, 2),
        round(alone.end_to_end_ms.p50, 2),
    )


def _dealt(clip: Path) -> DealtRound:
    sources = ", ".join(f's{number}: "{clip}"' for number in range(DEALT))
    graph = f"""
stages:
  capture: {{sources: {{{sources}}}%s}}
  faces: {{use: face_detect, input: capture, method: haar, width: 480, min_size: 60}}
  lines: {{use: jsonl_writer, input: faces, path: "{{stream}}.jsonl"}}
"""
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        (folder / "one.yaml").write_text(graph % "")
        one = _run(folder, "one", ["taskset", "-c", "0"])
        head = "engine: agents\nmachines: {n: {count: 2}}\n"
        (folder / "two.yaml").write_text(head + graph % ", on: {streams: [n]}")
        make_keys(folder / "keys", ["n-0", "n-1"])
        port = free_port()
        with _agent(folder, "n-0", port, core=0), _agent(folder, "n-1", port, core=1):
            two = _run(folder, "two", [], "--agents", f"127.0.0.1:{port}", "--keys", str(folder / "keys"))
    return DealtRound(one, two)


def _run(folder: Path, name: str, prefix: Sequence[str], *options: str) -> float:
    """Frames a second, from the first stream opened to the last frame settled."""
    summary = folder / f"{name}.json"
    arguments = ["run", str(folder / f"{name}.yaml"), "--out", str(folder / name), "--summary", str(summary)]
    command = [*prefix, sys.executable, str(ROOT / "run_pipeline.py"), *arguments, "--http", "off", *options]
    subprocess.run(command, check=True, cwd=folder, capture_output=True)
    return round(msgspec.json.decode(summary.read_bytes(), type=Summary).fps or 0.0, 1)


@contextmanager
def _agent(folder: Path, name: str, port: int, core: int | None = None) -> Iterator[None]:
    prefix = ["taskset", "-c", str(core)] if core is not None else []
    arguments = ["node", "--join", f"127.0.0.1:{port}", "--key", str(folder / "keys" / f"{name}.key"), "--once"]
    command = [*prefix, sys.executable, str(ROOT / "run_pipeline.py"), *arguments, "--out", str(folder / name)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.DEVNULL) as agent:
        try:
            yield
            agent.wait(30)
        finally:
            agent.kill()


def _show(result: Machines) -> None:
    table = Table(title=f"a picture of {WIDTH} wide to another machine and its packet back")
    headings = ("pixels", "secure", "CPU of the link", "bytes there", "bytes back", "latency p50", "without machines")
    for heading in headings:
        table.add_column(heading, justify="right")
    for one in result.hops:
        table.add_row(
            one.pixels,
            one.secure,
            f"{one.cpu_ms:.2f} ms",
            f"{one.there_bytes:,.0f}",
            f"{one.back_bytes:,.0f}",
            f"{one.latency_ms:.1f} ms",
            f"{one.local_latency_ms:.1f} ms",
        )
    Console().print(table)
    ratio = median(one.two_fps / one.one_fps for one in result.dealt)
    for one in result.dealt:
        Console().print(f"{DEALT} streams: {one.one_fps:.1f} fps on one core, {one.two_fps:.1f} dealt out over two")
    Console().print(f"in the median {ratio:.2f} times as many")
