"""Agents that speak the line and do no work: see bench/driver.py. `PORT KEYS FPS FILE`; marks' latencies go to FILE."""

import importlib.metadata
import platform
import secrets
import sys
import time
from pathlib import Path

import msgspec
import numpy as np
import zmq

from framewire.pipeline.graph import make_plan
from framewire.pipeline.graph.plan import Plan
from framewire.pipeline.graph.spec import HOME
from framewire.pipeline.line.keys import SUFFIX, read_agent_key
from framewire.pipeline.line.lease import Lease
from framewire.pipeline.line.numbered import LineEnd, decode_frame
from framewire.pipeline.line.said import (
    PROTOCOL,
    FromAgent,
    Hello,
    LeaseAsked,
    LeaseGranted,
    Left,
    PassOn,
    Relayed,
    RunOver,
    Start,
    Welcome,
    WorkerDied,
    encode_said,
    to_agent,
)
from framewire.pipeline.line.socket import AgentSocket
from framewire.pipeline.seen.figures import SourceFigures, WorkerFigures
from framewire.pipeline.wire.message import (
    Closed,
    Connect,
    Drain,
    Exit,
    Mark,
    Message,
    Ready,
    Report,
    Settle,
    StreamOpened,
    decode_for_worker,
    encode,
)
from framewire.pipeline.worker.process import Boot

REPORT_S = 0.5
SINK = "lines"


class _Stream(msgspec.Struct):
    source: str
    sink: str
    due: float
    mark: int = 0
    told: int = 0
    sent: dict[int, float] = {}
    has_ended: bool = False


class PretendedAgent:
    """One agent."""

    def __init__(self, key: Path, port: int, fps: float) -> None:
        self.key = read_agent_key(key)
        self.socket = AgentSocket("127.0.0.1", port, self.key, secrets.token_bytes(16))
        self.line = LineEnd()
        self.lease: Lease | None = None
        self.plan: Plan | None = None
        self.is_over = False
        self.latencies: list[float] = []
        self._fps = fps
        self._streams: dict[str, _Stream] = {}
        self._is_draining = False
        self._reported = 0.0
        hello = Hello(
            PROTOCOL,
            importlib.metadata.version("framewire"),
            platform.python_version(),
            self.key.machine,
            2,
            "127.0.0.1",
            time.monotonic(),
        )
        self.socket.send(self.line.loose(encode_said(hello)))

    def turn(self, now: float) -> None:
        """Take what has come, and say what is due."""
        while (raw := self.socket.waiting()) is not None:
            payload = self.line.take(decode_frame(raw), now)
            if payload:
                self._take(to_agent(payload), now)
        if self.lease is not None and self.lease.ask_due(now):
            self._whisper(LeaseAsked(now))
            for again in self.line.again(now):
                self.socket.send(again)
        for name, stream in self._streams.items():
            while stream.due <= now and not stream.has_ended:
                # A window is never exceeded: what home does not settle in time is not sent.
                stream.due += 1 / self._fps
                if stream.mark - stream.told < 32:
                    self._settle(name, stream, now)
        if self._streams and now - self._reported > REPORT_S:
            self._reported = now
            self._report()

    def _settle(self, name: str, stream: _Stream, now: float) -> None:
        stream.mark += 1
        stream.sent[stream.mark] = now
        stream.has_ended = self._is_draining
        self._relay(Settle(stream.sink, 0, name, stream.mark, [], {"face": 1}, stream.has_ended))

    def _report(self) -> None:
        assert self.plan is not None
        for process in self.plan.processes:
            if process.machine == self.key.machine:
                own = {name: one for name, one in self._streams.items() if one.source in process.stages}
                sources = {name: SourceFigures(one.source, admitted=one.mark) for name, one in own.items()}
                self._relay(Report(process.workers[0], 0, WorkerFigures({}, sources, 1.0, 10**7)))

    def _take(self, message: object, now: float) -> None:
        match message:
            case Welcome():
                if self.plan is None:
                    self.plan = make_plan(message.spec)
                    self.lease = Lease(message.lease_s, message.asked_at)
            case LeaseGranted():
                assert self.lease is not None
                self.lease.granted(message.asked_at)
            case Start():
                boot = msgspec.msgpack.decode(message.boot, type=Boot)
                self._relay(Ready(message.worker, boot.incarnation, 1, "ipc://@framewire/pretended", 0))
            case PassOn():
                self._passed(message, now)
            case RunOver():
                self.is_over = True
                self._whisper(Left(""))

    def _passed(self, message: PassOn, now: float) -> None:
        match decode_for_worker(message.raw):
            case Connect() as connect:
                self._begin(message.worker, connect, now)
            case Mark() as mark:
                stream = self._streams[mark.stream]
                sent = stream.sent.get(mark.mark)
                if sent is not None:
                    self.latencies.append(now - sent)
                stream.told = max(stream.told, mark.mark)
                stream.sent = {seq: at for seq, at in stream.sent.items() if seq > mark.mark}
            case Drain():
                self._is_draining = True
            case Exit():
                self._relay(Closed(message.worker, 0))
                self._say(WorkerDied(message.worker, 0, []))

    def _begin(self, worker: str, connect: Connect, now: float) -> None:
        assert self.plan is not None
        process = next(process for process in self.plan.processes if worker in process.workers)
        for source in connect.epochs:
            if source in process.stages and source not in self._streams:
                phase = len(self._streams) / self._fps / 20
                self._streams[source] = _Stream(source, self.plan.sinks_of[source][0], now + phase)
                self._relay(StreamOpened(source, source, "pretended", 64, 48, 32, None))

    def _relay(self, message: Message) -> None:
        self._say(Relayed(encode(message)))

    def _say(self, message: FromAgent) -> None:
        self.socket.send(self.line.send(encode_said(message), time.monotonic()))

    def _whisper(self, message: FromAgent) -> None:
        self.socket.send(self.line.loose(encode_said(message)))


def main(port: str, keys: str, fps: str, marks: str) -> None:
    """Pretend until the run is over."""
    paths = [path for path in sorted(Path(keys).glob(f"*{SUFFIX}")) if path.stem != HOME]
    # It listens when its nursery is there.
    agents = [PretendedAgent(path, int(port), float(fps)) for path in paths]
    poller = zmq.Poller()
    for agent in agents:
        poller.register(agent.socket.socket, zmq.POLLIN)
    while not all(agent.is_over for agent in agents):
        poller.poll(2)
        now = time.monotonic()
        for agent in agents:
            agent.turn(now)
    np.save(marks, np.array([one for agent in agents for one in agent.latencies], np.float64))
    for agent in agents:
        agent.socket.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
