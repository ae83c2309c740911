"""Places that go away and come back, workers and runs that are killed: each message arrives, in order."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.brokers import KafkaMock, Mosquitto, NatsServer, RedisServer, folder_of
from tests.servers.databases import PostgresServer
from tests.servers.hook import Hook
from tests.servers.server import Name, Server
from tests.system.in_full import in_full
from tests.system.running import PIPELINES, Finished, Running, framewire, lines_in, wait_until

PUBLISHED = PIPELINES / "published.yaml"
AWAY = int(os.environ.get("FRAMEWIRE_AWAY_FRAMES", "200"))
"""Frames of each stream that come while a place is away: 200 a second."""
SETTINGS = {
    Mosquitto: ["out.topic=test/{stream}"],
    KafkaMock: ["out.topic=test", "out.settings.config={message.timeout.ms: 300000}"],
    RedisServer: ["out.key=test:{stream}"],
    NatsServer: ["out.topic=test.{stream}"],
    PostgresServer: ["out.table=test"],
    Hook: ["out.settings.at_once=50"],
}
EXACTLY_ONCE = (PostgresServer,)


IN_SHORT = (Mosquitto, RedisServer, PostgresServer)
"""For kills: a broker, a log and a database. The others are settled by the same spool."""


@pytest.fixture(params=list(SETTINGS), ids=lambda kind: kind.__name__)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    made = request.param(folder_of(tmp_path, request.param))
    yield made
    made.close()


class Begin:
    """Starts runs, and kills those that a failed test has left."""

    def __init__(self) -> None:
        self.runs: list[Running] = []

    def __call__(self, server: Server, out: Path, *arguments: str) -> Running:
        os.environ["TO"] = server.url()
        settings = [word for setting in SETTINGS[type(server)] for word in ("--set", setting)]
        self.runs.append(Running(PUBLISHED, out, *settings, *arguments))
        return self.runs[-1]


@pytest.fixture
def begin() -> Iterator[Begin]:
    made = Begin()
    yield made
    for running in made.runs:
        running.process.kill()
        running.process.wait()


def wait_for_frames(out: Path, more: int) -> None:
    """Until the recordings beside it have so many more frames of each stream."""
    before = {name: lines_in(out / f"{name}.jsonl") for name in ("left", "right")}
    wait_until(lambda: all(lines_in(out / f"{name}.jsonl") >= count + more for name, count in before.items()), "frames")


def end(running: Running) -> Finished:
    running.process.send_signal(signal.SIGINT)
    finished = running.finish()
    assert finished.code == 130, finished.stderr
    assert finished.summary is not None
    return finished


def check(server: Server, finished: Finished, received: list[Name]) -> None:
    """All frames that were written, each stream's in order; in databases once."""
    assert finished.summary is not None
    assert len({run for run, _, _ in received}) == 1
    for stream, account in finished.summary.streams.items():
        assert account.frames.written > 0
        seqs = [seq for _, name, seq in received if name == stream]
        assert list(dict.fromkeys(seqs)) == list(range(account.frames.written))
        if isinstance(server, EXACTLY_ONCE):
            assert len(seqs) == account.frames.written


def everything(server: Server, finished: Finished) -> list[Name]:
    """What has arrived, once all has."""
    assert finished.summary is not None
    count = finished.summary.frames.written
    received: list[Name] = []

    def look() -> bool:
        received[:] = server.received()
        return len(set(received)) >= count

    wait_until(look, "messages")
    return received


def test_a_place_that_goes_away_comes_back(server: Server, begin: Begin, tmp_path: Path) -> None:
    if isinstance(server, KafkaMock):
        # It cannot be there later: it keeps nothing.
        server.start()
    running = begin(server, tmp_path / "out")
    wait_for_frames(tmp_path / "out", AWAY // 2)
    if not isinstance(server, KafkaMock):
        server.start()
    wait_until(lambda: bool(server.received()), "the first message")
    server.stop()
    wait_for_frames(tmp_path / "out", AWAY)
    server.start()
    wait_for_frames(tmp_path / "out", 10)
    finished = end(running)
    assert finished.summary is not None
    account = finished.summary.stages["out"].published
    assert account is not None
    assert (account.waiting, account.refused, account.dropped) == (0, 0, 0), finished.stderr
    assert account.delivered == account.put == finished.summary.frames.written
    check(server, finished, everything(server, finished))
    # One that was only slow, or whose open connection went on, was never away.
    assert finished.stderr.count("accepts messages again") == finished.stderr.count("does not accept messages")


@pytest.mark.parametrize(
    "server",
    [kind if kind in IN_SHORT else pytest.param(kind, marks=in_full) for kind in SETTINGS],
    indirect=True,
    ids=lambda kind: kind.__name__,
)
def test_its_worker_and_the_whole_run_are_killed(server: Server, begin: Begin, tmp_path: Path) -> None:
    server.start()
    out = tmp_path / "out"
    running = begin(server, out)
    wait_for_frames(out, 20)
    for _ in range(2):
        running.worker("out#0").kill()
        wait_for_frames(out, 40)
    running.process.kill()
    running.finish()
    running = begin(server, out, "--resume")
    wait_for_frames(out, 40)
    finished = end(running)
    check(server, finished, everything(server, finished))


def test_what_waits_is_sent_later(begin: Begin, tmp_path: Path) -> None:
    server = Hook(tmp_path / "hook")
    out = tmp_path / "out"
    running = begin(server, out, "--set", "out.flush_s=0.2")
    wait_for_frames(out, 20)
    finished = end(running)
    assert f"`framewire deliver {out}`" in finished.stderr
    failed = framewire("deliver", str(out), "--within", "0.2", env={"TO": server.url()})
    assert failed.code == 1
    assert "still waiting" in failed.stdout
    server.start()
    sent = framewire("deliver", str(out), env={"TO": server.url()})
    assert finished.summary is not None
    assert (sent.code, sent.stdout) == (
        0,
        f"out: {finished.summary.frames.written} delivered, 0 refused, 0 still waiting\n",
    )
    check(server, finished, server.received())
    assert framewire("deliver", str(out), env={"TO": server.url()}).stdout == f"no messages wait in {out}\n"
    server.stop()


SMALL = ("--set", "out.spool_mb=1", "--set", "left.every_s=0", "--set", "right.every_s=0")
COUNTED = ("--set", "left.count=2500", "--set", "right.count=2500")


def test_a_full_spool_holds_the_stream_until_there_is_room(begin: Begin, tmp_path: Path) -> None:
    server = Hook(tmp_path / "hook")
    running = begin(server, tmp_path / "out", *SMALL, *COUNTED)
    wait_until(lambda: "waiting for room" in running.stderr(), "a full spool")
    written = sum(lines_in(tmp_path / "out" / f"{name}.jsonl") for name in ("left", "right"))
    assert written < 5000
    server.start()
    finished = running.finish()
    server.stop()
    assert finished.code == 0, finished.stderr
    check(server, finished, server.received())
    assert len(server.received()) == 5000


def test_where_the_oldest_are_dropped_the_run_says_so(begin: Begin, tmp_path: Path) -> None:
    server = Hook(tmp_path / "hook")
    running = begin(
        server, tmp_path / "out", *SMALL, *COUNTED, "--set", "out.full=drop_oldest", "--set", "out.flush_s=0"
    )
    finished = running.finish()
    assert finished.code == 1
    assert finished.summary is not None
    account = finished.summary.stages["out"].published
    assert account is not None
    assert account.dropped > 1000
    assert account.put == account.dropped + account.waiting == 5000
    assert finished.summary.error == (
        f"{account.dropped} messages of 'out' were dropped: its spool was full (spool_mb), and nobody took them"
    )
