"""MQTT, Kafka, Redis and NATS."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import msgspec

from tests.servers.server import Name, Server, program
from tests.system.running import free_port


class Line(msgspec.Struct):
    """What names a message, in its body."""

    run: str
    stream: str
    seq: int


def name_of(body: bytes) -> Name:
    line = msgspec.json.decode(body, type=Line)
    return line.run, line.stream, line.seq


class Mosquitto(Server):
    """Debian's mosquitto with persistence; a subscriber of ours keeps what comes, across its restarts."""

    def prepare(self) -> None:
        self._subscribers_port = free_port()
        self._names: list[Name] = []
        self.availability: list[str] = []
        self._subscriber: Any = None

    def command(self) -> list[str]:
        return [program("mosquitto"), "-c", str(self.folder / "mosquitto.conf")]

    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self) -> None:
        if self._subscriber is None:
            self._subscribe_alone()
        super().start()

    def _subscribe_alone(self) -> None:
        """Subscribe where nobody publishes yet: a broker keeps no message that came before its subscribers."""
        public, self.port = self.port, self._subscribers_port
        self._configure(self._subscribers_port)
        super().start()
        self._subscriber = self._subscribed()
        self.stop()
        self.port = public
        self._configure(self._subscribers_port, public)

    def _configure(self, *ports: int) -> None:
        listeners = "".join(f"listener {port} 127.0.0.1\n" for port in ports)
        self.folder.joinpath("mosquitto.conf").write_text(
            f"{listeners}allow_anonymous true\npersistence true\npersistence_location {self.folder}/\n"
            "message_size_limit 100000\nuser root\nmax_queued_messages 0\n"
        )

    def _subscribed(self) -> Any:
        from paho.mqtt import client as paho
        from paho.mqtt.enums import CallbackAPIVersion

        subscribed = threading.Event()
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id="test", clean_session=False)
        client.on_connect = self._subscribe
        client.on_subscribe = lambda *_: subscribed.set()
        client.on_message = lambda _client, _data, message: self._take(message.topic, bytes(message.payload))
        client.reconnect_delay_set(1, 1)
        client.connect("127.0.0.1", self._subscribers_port)
        client.loop_start()
        assert subscribed.wait(20)
        return client

    def _subscribe(self, client: Any, _data: object, flags: Any, *_: object) -> None:
        # The broker has kept the session: to subscribe again would bring what it retains a second time.
        if flags.session_present:
            return
        client.subscribe([("test/#", 1), ("framewire-availability/#", 1)])

    def _take(self, topic: str, payload: bytes) -> None:
        if topic.startswith("framewire-availability"):
            self.availability.append(payload.decode())
        else:
            self._names.append(name_of(payload))

    def received(self) -> list[Name]:
        return list(self._names)

    def close(self) -> None:
        if self._subscriber is not None:
            self._subscriber.disconnect()
            self._subscriber.loop_stop()
        super().close()


class RedisServer(Server):
    """Debian's redis-server that writes each command to its disk."""

    def command(self) -> list[str]:
        quiet = ["--save", "", "--appendonly", "yes", "--appendfsync", "always"]
        place = ["--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder)]
        return [program("redis-server"), *place, *quiet]

    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def received(self) -> list[Name]:
        import redis

        entries: list[tuple[bytes, Any]] = []
        with redis.Redis(port=self.port) as client:
            for key in client.keys("test:*"):
                entries += client.xrange(key)
        return [name_of(fields[b"message"]) for _, fields in entries]


class NatsServer(Server):
    """Debian's nats-server with JetStream."""

    def command(self) -> list[str]:
        return [program("nats-server"), "-a", "127.0.0.1", "-p", str(self.port), "-js", "-sd", str(self.folder)]

    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def received(self) -> list[Name]:
        return asyncio.run(self._received())

    async def _received(self) -> list[Name]:
        import nats
        from nats.js.errors import NotFoundError

        client = await nats.connect(self.url())
        try:
            subscription = await client.jetstream().subscribe("test.>", ordered_consumer=True)
            count = (await client.jetstream().stream_info("framewire")).state.messages
            return [name_of((await subscription.next_msg(10)).data) for _ in range(count)]
        except NotFoundError:
            return []
        finally:
            await client.close()


_MOCK = """
import sys
from confluent_kafka import Producer
cluster = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "ignored"})
brokers = cluster.list_topics(timeout=20).brokers.values()
print(",".join(f"{one.host}:{one.port}" for one in brokers), flush=True)
sys.stdin.read()
"""


class KafkaMock(Server):
    """librdkafka's mock cluster, in a process of its own. It keeps nothing, so it is not stopped but frozen."""

    def prepare(self) -> None:
        self._address = ""
        self._frozen = False

    def start(self) -> None:
        if self._frozen:
            assert self._process is not None
            self._process.send_signal(signal.SIGCONT)
            self._frozen = False
            return
        self._process = subprocess.Popen(
            [sys.executable, "-c", _MOCK], stdout=subprocess.PIPE, stdin=subprocess.PIPE, env=dict(os.environ)
        )
        assert self._process.stdout is not None
        self._address = self._process.stdout.readline().decode().strip()

    def stop(self, kill: bool = False) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)
            self._frozen = True

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(20)

    def url(self) -> str:
        return f"kafka://{self._address or '127.0.0.1:1'}"

    def received(self) -> list[Name]:
        from confluent_kafka import Consumer

        consumer = Consumer(
            {
                "bootstrap.servers": self._address,
                "group.id": f"test-{os.urandom(4).hex()}",
                "auto.offset.reset": "earliest",
                "enable.partition.eof": True,
            }
        )
        consumer.subscribe(["test"])
        names: list[Name] = []
        ends: set[int] = set()
        partitions = len(consumer.list_topics("test", timeout=20).topics["test"].partitions)
        while len(ends) < partitions:
            message = consumer.poll(20)
            assert message is not None
            if message.error():
                ends.add(message.partition() or 0)
            else:
                names.append(name_of(message.value() or b""))
        consumer.close()
        return names


def folder_of(path: Path, server: type[Server]) -> Path:
    """A folder for a server."""
    return path / server.__name__.lower()
