"""What one would write without Framewire: each library in a plain loop, with the same promise for each message."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

from framewire.stages.publish.places.place import Message
from framewire.stages.publish.places.tables.table import row_of
from tests.servers.server import Server

BATCH = 500
"""Rows in a transaction, entries in a pipeline: what `publish` sends at once, too."""
IN_FLIGHT = 20
"""Of MQTT: what mosquitto allows."""
INSERT = 'INSERT INTO bare(run, stream, seq, at, pts, outcome, "schema", body) VALUES({}) ON CONFLICT DO NOTHING'
TABLE = (
    "CREATE TABLE IF NOT EXISTS bare(run TEXT, stream TEXT, seq BIGINT, at {at}, pts DOUBLE PRECISION, outcome TEXT, "
    '"schema" INTEGER, body {body}, UNIQUE(run, stream, seq))'
)
INDEX = "CREATE INDEX IF NOT EXISTS bare_at ON bare(at)"
Publish = Callable[[Server, Path, Sequence[Message]], None]


def batches(messages: Sequence[Message]) -> list[Sequence[Message]]:
    return [messages[start : start + BATCH] for start in range(0, len(messages), BATCH)]


def mqtt(server: Server, _out: Path, messages: Sequence[Message]) -> None:
    from paho.mqtt import client as paho
    from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    client.max_inflight_messages_set(IN_FLIGHT)
    client.connect("127.0.0.1", server.port)
    client.loop_start()
    for info in [client.publish("test/door", message.body, 1) for message in messages]:
        info.wait_for_publish()
    client.disconnect()
    client.loop_stop()


def kafka(server: Server, _out: Path, messages: Sequence[Message]) -> None:
    from confluent_kafka import Producer

    servers = server.url().removeprefix("kafka://")
    producer = Producer({"bootstrap.servers": servers, "enable.idempotence": True, "linger.ms": 5})
    for message in messages:
        producer.produce("test", message.body, message.stream)
        producer.poll(0)
    producer.flush()


def redis_streams(server: Server, _out: Path, messages: Sequence[Message]) -> None:
    import redis

    with redis.Redis(port=server.port) as client:
        for batch in batches(messages):
            pipeline = client.pipeline(transaction=True)
            for message in batch:
                pipeline.xadd(
                    "test:bare",
                    {"run": message.run, "stream": message.stream, "seq": message.seq, "message": message.body},
                )
            pipeline.execute()


def jetstream(server: Server, _out: Path, messages: Sequence[Message]) -> None:
    import nats

    async def send() -> None:
        client = await nats.connect(server.url())
        stream = client.jetstream()
        await stream.add_stream(name="framewire", subjects=["test.*"])
        for message in messages:
            await stream.publish("test.door", message.body, headers={"Nats-Msg-Id": f"bare/{message.id}"})
        await client.close()

    asyncio.run(send())


def webhook(server: Server, _out: Path, messages: Sequence[Message]) -> None:
    import httpx2

    with httpx2.Client() as client:
        for message in messages:
            client.post(
                server.url(),
                content=message.body,
                headers={"content-type": "application/json", "idempotency-key": message.id},
            ).raise_for_status()


def postgres(server: Server, _out: Path, messages: Sequence[Message]) -> None:
    import psycopg

    with psycopg.connect(server.url(), autocommit=True) as db:
        db.execute(TABLE.format(at="timestamptz", body="jsonb"))
        db.execute(INDEX)
        for batch in batches(messages):
            with db.transaction():
                db.cursor().executemany(INSERT.format(", ".join(["%s"] * 8)), [row_of(one) for one in batch])


def sqlite(_server: Server, out: Path, messages: Sequence[Message]) -> None:
    db = sqlite3.connect(out / "bare.db", isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute(TABLE.format(at="TEXT", body="TEXT"))
    db.execute(INDEX)
    for batch in batches(messages):
        rows = [row_of(one) for one in batch]
        db.execute("BEGIN IMMEDIATE")
        db.executemany(
            INSERT.format(", ".join("?" * 8)),
            [(run, stream, seq, at.isoformat(timespec="milliseconds"), *rest) for run, stream, seq, at, *rest in rows],
        )
        db.execute("COMMIT")
    db.close()
