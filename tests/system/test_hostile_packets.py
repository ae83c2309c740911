"""Rubbish sent to every socket of a running pipeline: refused, counted; the run continues."""

import random
import re
import socket
from pathlib import Path

import msgspec
import zmq

from framewire.pipeline.frame.packet import Packet
from framewire.pipeline.wire.message import Ask, Deliver, Settle, encode
from tests.system.running import PIPELINES, Running, lines_in, wait_until

SENT_TO_EACH = 60


def inboxes() -> list[str]:
    found = re.findall(r"@(framewire/hostile/\S+)", Path("/proc/net/unix").read_text())
    return sorted(set(found))


def rubbish(rng: random.Random) -> list[bytes]:
    packet = Packet(source="source", stream="source", seq=3, window=32)
    edge = ("source", "read")
    good = encode(Deliver(1, edge, 0, 0, packet))
    texts = [b"", b"\xc1", b"GET / HTTP/1.1\r\n\r\n", b"\x93\x01", b"\x91" * 5000, good[:-4], good[: len(good) // 2]]
    # Valid messages that name what does not exist.
    texts.append(encode(Deliver(1, ("source", "nobody"), 0, 0, packet)))
    texts.append(encode(Deliver(0, edge, 99, 0, packet)))
    texts.append(encode(Deliver(1, edge, 0, 0, msgspec.structs.replace(packet, source="nobody"))))
    texts.append(encode(Ask(edge, 99, 0, 1)))
    texts.append(encode(Settle("nobody", 0, "nothing", 5, [], {}, False)))
    # Values out of range.
    for change in ({"window": 0}, {"seq": -1}, {"time_base": (1, 0)}):
        texts.append(encode(Deliver(1, edge, 0, 0, msgspec.structs.replace(packet, **change))))
    while len(texts) < SENT_TO_EACH:
        spoiled = bytearray(good)
        # The first byte is the number of fields: corrupted like this, none is valid.
        spoiled[0] = rng.choice([0x90, 0x9F, 0xC0, 0xDC])
        spoiled[rng.randrange(1, len(good))] = rng.randrange(256)
        texts.append(bytes(spoiled))
    return texts


def test_rubbish_is_refused_and_counted(tmp_path: Path) -> None:
    config = tmp_path / "hostile.yaml"
    config.write_text((PIPELINES / "short.yaml").read_text().replace("name: short", "name: hostile"))
    (tmp_path / "odd_stages.py").write_text((PIPELINES / "odd_stages.py").read_text())
    running = Running(config, tmp_path / "out", "--set", "source.count=30000")
    metadata = tmp_path / "out" / "short.jsonl"
    wait_until(lambda: lines_in(metadata) > 100, "the first frames")
    addresses = inboxes()
    assert len(addresses) == 5  # supervisor, source, read x 2, metadata
    rng = random.Random(0)
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    for address in addresses:
        sender = context.socket(zmq.PUSH)
        sender.connect(f"ipc://@{address}")
        for text in rubbish(rng):
            sender.send(text)
        sender.close(linger=5000)
        # Not even ZeroMQ, which may take it for its oldest protocol.
        with socket.socket(socket.AF_UNIX) as bare:
            bare.connect("\0" + address)
            bare.sendall(rng.randbytes(10_000))
    context.term()
    assert running.process.poll() is None, "the run was over before the rubbish came"
    finished = running.finish()
    assert finished.code == 0, finished.stderr
    assert finished.summary is not None
    assert finished.summary.frames.written == 30_000
    assert finished.summary.restarts == 0
    assert finished.summary.refused_messages >= SENT_TO_EACH * len(addresses)
    assert lines_in(metadata) == 30_000
