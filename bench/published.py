"""What publishing costs: messages a second and CPU for each, out of a full spool, against the bare library in a loop.

Servers are real ones on loopback, as in the tests; rounds are interleaved, and either comes first in turn. A message is
the line of a frame with two faces. Then a recording, with `publish` beside it to a broker, to one that is not there,
and without: frames a second; and the memory of its worker while messages pile up.
"""

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.table import Table

import framewire
from bench import bare_publishers as bare
from bench.film import demo_clip
from bench.machine import Machine, this_machine
from framewire.pipeline.frame.packet import Attribute, Detection, Packet
from framewire.pipeline.result.result import json_line
from framewire.pipeline.stage_context import StageContext
from framewire.stages.publish.delivery import Delivery
from framewire.stages.publish.options import PublishOptions, publishing
from framewire.stages.publish.places.place import Message
from framewire.stages.publish.refused_file import RefusedFile
from framewire.stages.publish.spool import Spool
from tests.servers.brokers import KafkaMock, Mosquitto, NatsServer, RedisServer
from tests.servers.databases import PostgresServer
from tests.servers.hook import Hook
from tests.servers.server import Server
from tests.system.running import PIPELINES, Running, lines_in, wait_until

ROUNDS = 5
MESSAGES = 5000
BESIDE_ROUNDS = 5
BESIDE_TIMES = 5
NOBODY = "mqtt://127.0.0.1:9"
PILED = 100_000


class Way(Struct, frozen=True):
    """Messages a second, and microseconds of this process' CPU for each."""

    rate: float
    cpu_us: float


class PlaceFigures(Struct, frozen=True):
    """One place: rounds of `publish` and of the bare library; the median of what it reaches of it."""

    place: str
    published: list[Way]
    bare: list[Way]
    reached: float


class Beside(Struct, frozen=True):
    """Frames a second of a recording alone, beside `publish` to a broker, and to one that is not there, by round.

    The last two are medians of what the recording keeps when the broker dies, and of what publishing leaves of it.
    """

    alone: list[float]
    broker: list[float]
    nobody: list[float]
    kept: float
    left: float


class Piled(Struct, frozen=True):
    """Resident memory of publish's worker after a tenth of the messages, and after all; nobody took any."""

    messages: int
    early_mb: float
    late_mb: float


class Published(Struct, frozen=True):
    """All of it."""

    machine: Machine
    places: list[PlaceFigures]
    beside: Beside
    piled: Piled


class NoServer(Server):
    """SQLite needs none."""

    def start(self) -> None:
        """See Server."""


Kind = tuple[str, type[Server], bare.Publish, dict[str, str]]
KINDS: list[Kind] = [
    ("MQTT (mosquitto)", Mosquitto, bare.mqtt, {"topic": "test/{stream}"}),
    ("Kafka (librdkafka's mock)", KafkaMock, bare.kafka, {"topic": "test"}),
    ("Redis streams", RedisServer, bare.redis_streams, {"key": "test:{stream}"}),
    ("NATS JetStream", NatsServer, bare.jetstream, {"topic": "test.{stream}"}),
    ("webhook", Hook, bare.webhook, {}),
    ("PostgreSQL", PostgresServer, bare.postgres, {"table": "test"}),
    ("SQLite", NoServer, bare.sqlite, {"table": "test"}),
]


def published() -> Published:
    """Measure."""
    with tempfile.TemporaryDirectory() as name:
        places = [_place(kind, Path(name, str(number))) for number, kind in enumerate(KINDS)]
    result = Published(this_machine(), places, _beside(), _piled())
    table = Table("place", "publish, messages/s", "bare, messages/s", "reached", "publish, us CPU", "bare, us CPU")
    for one in places:
        table.add_row(
            one.place,
            f"{median(way.rate for way in one.published):.0f}",
            f"{median(way.rate for way in one.bare):.0f}",
            f"{one.reached:.0%}",
            f"{median(way.cpu_us for way in one.published):.0f}",
            f"{median(way.cpu_us for way in one.bare):.0f}",
        )
    Console().print(table, result.beside, result.piled)
    return result


def _place(kind: Kind, folder: Path) -> PlaceFigures:
    name, server_kind, plain, options = kind
    server = server_kind(folder / "server")
    server.start()
    ways: dict[str, list[Way]] = {"published": [], "bare": []}
    try:
        for number in range(ROUNDS + 1):
            messages = _messages(f"round{number}")
            order: list[tuple[str, Callable[[], None]]] = [
                ("published", _delivery(server, folder / f"out{number}", options, messages)),
                ("bare", lambda messages=messages: plain(server, folder, messages)),  # type: ignore[misc]
            ]
            for way, send in order if number % 2 else reversed(order):
                ways[way].append(_timed(send))
    finally:
        server.close()
    # The first round opens files and warms caches.
    own, other = ways["published"][1:], ways["bare"][1:]
    reached = median(one.rate / two.rate for one, two in zip(own, other, strict=True))
    return PlaceFigures(name, own, other, round(reached, 3))


def _timed(send: Callable[[], None]) -> Way:
    started, cpu = time.perf_counter(), time.process_time()
    send()
    seconds, used = time.perf_counter() - started, time.process_time() - cpu
    return Way(round(MESSAGES / seconds, 1), round(1e6 * used / MESSAGES, 1))


def _messages(run: str) -> list[Message]:
    face = Detection(
        label="face",
        box=(476.0, 248.0, 112.0, 112.0),
        score=0.93,
        track=3,
        attributes={"age": Attribute("(25-32)", 0.7, 29.4), "emotion": Attribute("happy", 0.9)},
    )
    packet = Packet(source="door", stream="door", seq=0, window=8, width=1280, height=720, detections=(face, face))
    line = json.loads(json_line(packet))
    bodies = (json.dumps({**line, "seq": seq, "run": run}, separators=(",", ":")) for seq in range(MESSAGES))
    return [Message(run, "door", seq, "", "door", body.encode(), time.time()) for seq, body in enumerate(bodies)]


def _delivery(server: Server, out: Path, options: dict[str, str], messages: Sequence[Message]) -> Callable[[], None]:
    """A spool that is full of these messages, to be delivered."""
    to = "sqlite:///framewire.db" if isinstance(server, NoServer) else server.url()
    context = StageContext("out", out, pipeline="bench")
    made = publishing(PublishOptions(to=to, **options), context)  # type: ignore[arg-type]
    spool = Spool(out / "spool.sqlite", "bench")
    for message in messages:
        destination = made.destination.filled({"stream": "door"}, made.place.plain)
        filled = msgspec.structs.replace(message, destination=destination)
        spool.put(filled, "door", message.seq + 1, b"", drops_oldest=False)
    # Writing it is not what is measured here: the disk has it.
    spool.close()
    spool = Spool(out / "spool.sqlite", "bench")

    def deliver() -> None:
        delivery = Delivery(spool, made.make, RefusedFile(out / "refused"), context.log, lambda: None)
        delivery.start()
        assert delivery.flush(120.0), delivery.trouble
        delivery.stop(5.0)
        assert spool.account().delivered == MESSAGES

    return deliver


def _beside() -> Beside:
    """A recording of the demo in H.264, which keeps both cores busy."""
    rounds: dict[str, list[float]] = {"alone": [], "broker": [], "nobody": []}
    with tempfile.TemporaryDirectory() as name:
        film = demo_clip(Path(name, "demo.mp4"), times=BESIDE_TIMES)
        broker = Mosquitto(Path(name, "mosquitto"))
        broker.start()
        for number in range(BESIDE_ROUNDS):
            # Each comes first in turn.
            ways = list(rounds)[number % 3 :] + list(rounds)[: number % 3]
            for way in ways:
                to = {"broker": broker.url(), "nobody": NOBODY}.get(way)
                rounds[way].append(_recorded(film, Path(name, f"{way}{number}"), to))
        broker.close()
    kept = median(nobody / broker for nobody, broker in zip(rounds["nobody"], rounds["broker"], strict=True))
    left = median(nobody / alone for nobody, alone in zip(rounds["nobody"], rounds["alone"], strict=True))
    return Beside(*rounds.values(), round(kept, 4), round(left, 4))


def _recorded(film: Path, folder: Path, to: str | None) -> float:
    stages = {
        "capture": {"source": str(film)},
        "video": {"use": "video_writer", "input": "capture", "preset": "ultrafast"},
        "list": {"use": "jsonl_writer", "input": "capture", "path": "list.jsonl"},
    }
    if to is not None:
        stages["out"] = {"use": "publish", "input": "capture", "to": to, "topic": "bench/{stream}", "flush_s": 0}
    summary = framewire.run(_config(folder, stages), out=folder / "out")
    assert summary.frames.written == summary.frames.admitted > 0
    return summary.fps or 0.0


def _piled() -> Piled:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(PIPELINES / "odd_stages.py", folder)
        stages = {
            "numbers": {"use": "odd_stages:Numbers", "count": 10**8},
            "out": {"use": "publish", "input": "numbers", "to": NOBODY, "flush_s": 0},
            "list": {"use": "jsonl_writer", "input": "numbers", "path": "list.jsonl"},
        }
        running = Running(_config(folder, stages), folder / "out")
        early = late = 0.0
        for count in (PILED // 10, PILED):
            wait_until(lambda count=count: lines_in(folder / "out" / "list.jsonl") >= count, "messages", 300)  # type: ignore[misc]
            early, late = late, running.worker("out#0").memory_info().rss / 1e6
        running.process.terminate()
        summary = running.finish().summary
        assert summary is not None
        account = summary.stages["out"].published
        assert account is not None
        assert account.waiting >= PILED
    return Piled(PILED, round(early, 1), round(late, 1))


def _config(folder: Path, stages: object) -> Path:
    folder.mkdir(exist_ok=True)
    config = folder / "pipeline.yaml"
    config.write_bytes(msgspec.yaml.encode({"stages": stages}))
    return config
