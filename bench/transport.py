"""One picture from one process to another: the ring and its packet against ways that copy.

Each way carries the same picture, made beforehand, once at full speed (frames a second, CPU of sender and receiver per
frame) and once at 60 a second (a picture's age on arrival). The receiver reads one pixel. For the ring everything is
counted that a worker does: packets, marks, figures, its part of the ledger; its times are from the run's summary.
memcpy in one process is the lower bound for all ways that copy. Not measured: making the picture, which a source does
in its slot of the ring and others in a buffer of their own.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from pathlib import Path
from statistics import median, quantiles

import msgspec
import numpy as np
from msgspec import Struct
from rich.console import Console

from bench.carriers import SPAWN, Carrier, Picture, carriers
from bench.machine import Machine, this_machine
from framewire.pipeline.graph import load_pipeline
from framewire.pipeline.supervisor import Outcome, Supervisor

ROUNDS = 2
SIZES = {"720p": (1280, 720), "1080p": (1920, 1080)}
FRAMES, RING_FRAMES = 150, 3000
PACED_HZ, PACED_FRAMES = 60, 90
RING, FLOOR = "ring and packet", "memcpy, one process"
WAIT_S = 30


class Carried(Struct, frozen=True):
    """One way at one size; CPU per frame on each side, ages of a frame on arrival."""

    way: str
    size: str
    fps: float
    send_us: float
    receive_us: float | None
    p50_ms: float | None
    p99_ms: float | None


class Transport(Struct, frozen=True):
    """All rounds."""

    machine: Machine
    rounds: list[Carried]
    absent: list[str]


def transport() -> Transport:
    """Measure; the ways take turns."""
    with tempfile.TemporaryDirectory() as folder:
        rounds = [one for _ in range(ROUNDS) for size in SIZES for one in _turn(size, tempfile.mkdtemp(dir=folder))]
    ways = {one.way for one in rounds}
    return Transport(this_machine(), rounds, [name for name in ("imagezmq", "vidgear NetGear") if name not in ways])


def _turn(size: str, folder: str) -> Iterator[Carried]:
    yield _told(_ring(size))
    yield _told(_copied(size))
    for name, way in carriers(folder).items():
        yield _told(_carry(name, size, way))


def _told(one: Carried) -> Carried:
    Console().print(one)
    return one


def _ring(size: str) -> Carried:
    flat = _chain(size, RING_FRAMES, 0)
    paced = _chain(size, PACED_FRAMES, PACED_HZ)
    return Carried(RING, size, flat[0], flat[1], flat[2], paced[3], paced[4])


def _chain(size: str, frames: int, rate: int) -> tuple[float, float, float, float | None, float | None]:
    """Frames a second, CPU of source and sink per frame in microseconds, and the ages in the sink."""
    width, height = SIZES[size]
    blank = {"use": "bench.idle_stages:Blank", "count": frames, "width": width, "height": height, "write": False}
    stages = {"source": {**blank, "rate": rate}, "sink": {"use": "bench.idle_stages:Gone", "input": "source"}}
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "hop.yaml")
        config.write_bytes(msgspec.yaml.encode({"stages": stages}))
        outcome, summary = Supervisor(load_pipeline(config), Path(folder)).run()
    assert outcome is Outcome.DONE and summary.fps, summary.error
    source, sink = (round(1e6 * summary.stages[name].cpu_s / frames, 1) for name in ("source", "sink"))
    return summary.fps, source, sink, summary.end_to_end_ms.p50, summary.end_to_end_ms.p99


def _copied(size: str) -> Carried:
    width, height = SIZES[size]
    here, there = np.ones((2, height, width, 3), np.uint8)
    started = time.process_time()
    for _ in range(FRAMES):
        np.copyto(there, here)
    seconds = time.process_time() - started
    return Carried(FLOOR, size, round(FRAMES / seconds, 1), round(1e6 * seconds / FRAMES, 1), None, None, None)


def _carry(name: str, size: str, way: Carrier) -> Carried:
    ours, theirs = SPAWN.Pipe()
    done = SPAWN.Event()
    receiver = SPAWN.Process(target=_receive, args=(way, theirs, done))
    sender = SPAWN.Process(target=_send, args=(way, size, theirs, done))
    receiver.start()
    sender.start()
    said = [ours.recv() if ours.poll(WAIT_S) else None for _ in range(2)]
    for process in (sender, receiver):
        process.join(WAIT_S)
        if process.is_alive():
            process.kill()
    found = dict(one for one in said if one is not None)
    assert len(found) == 2, f"{name} did not carry {size}"
    send_s, (receive_s, seconds, ages) = found["send"], found["receive"]
    cuts = quantiles(ages, n=100)
    return Carried(
        name,
        size,
        round(FRAMES / seconds, 1),
        round(1e6 * send_s / FRAMES, 1),
        round(1e6 * receive_s / FRAMES, 1),
        round(median(ages), 3),
        round(cuts[-1], 3),
    )


def _send(way: Carrier, size: str, tell: Connection, done: Event) -> None:
    width, height = SIZES[size]
    picture: Picture = np.ones((height, width, 3), np.uint8)
    send = way.sender()
    send(picture, time.monotonic_ns())
    cpu = time.process_time()
    for _ in range(FRAMES):
        send(picture, time.monotonic_ns())
    used = time.process_time() - cpu
    start = time.monotonic()
    for number in range(PACED_FRAMES):
        time.sleep(max(0.0, start + number / PACED_HZ - time.monotonic()))
        send(picture, time.monotonic_ns())
    tell.send(("send", used))
    # Closing a socket with pictures in it may lose them.
    done.wait(WAIT_S)


def _receive(way: Carrier, tell: Connection, done: Event) -> None:
    receive = way.receiver()
    _see(receive)
    cpu, started = time.process_time(), time.monotonic()
    for _ in range(FRAMES):
        _see(receive)
    used, seconds = time.process_time() - cpu, time.monotonic() - started
    ages = [_see(receive) for _ in range(PACED_FRAMES)]
    done.set()
    tell.send(("receive", (used, seconds, ages)))


def _see(receive: Callable[[], tuple[Picture, int]]) -> float:
    """Milliseconds that a picture was in transit; reads one pixel."""
    picture, stamp = receive()
    age = (time.monotonic_ns() - stamp) / 1e6
    assert picture.reshape(-1)[-1] == 1
    return age


def cheaper(result: Transport, size: str, way: str) -> float:
    """A way's CPU, both sides, as a multiple of the ring's."""
    return _cpu(result, size, way) / _cpu(result, size, RING)


def _cpu(result: Transport, size: str, way: str) -> float:
    runs = [one for one in result.rounds if (one.size, one.way) == (size, way)]
    return median(one.send_us + (one.receive_us or 0.0) for one in runs)
