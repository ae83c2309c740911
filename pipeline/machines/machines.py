"""All machines of a run beside its own: one socket, and for each an agent that comes, serves and may be lost."""

import logging
import platform
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import msgspec
import zmq

from framewire.pipeline.graph.spec import PipelineSpec
from framewire.pipeline.line.lender import Lender
from framewire.pipeline.line.numbered import LineEnd, LineFullError, decode_frame
from framewire.pipeline.line.said import (
    PROTOCOL,
    Dismissed,
    FileAsked,
    FilePart,
    FileRefused,
    FrameOffered,
    FromAgent,
    Hello,
    LeaseAsked,
    LeaseGranted,
    Leaving,
    Left,
    MisheardError,
    Pictured,
    Refusal,
    Relayed,
    RunOver,
    Start,
    ToAgent,
    Unable,
    Welcome,
    WorkerDied,
    encode_said,
    from_agent,
)
from framewire.pipeline.line.socket import Heard, RunSocket
from framewire.pipeline.machines.failed_frames import FailedFrames
from framewire.pipeline.machines.hosts import AwaitedHosts, Hosts
from framewire.pipeline.machines.luggage import Luggage
from framewire.pipeline.machines.machine import FarHandle, Machine
from framewire.pipeline.machines.news import Came, Ended, Failed, Lost, News, Said, Shown, WantsToLeave
from framewire.pipeline.machines.past import Past

LAST_MS = 1000
"""How long the last message to the agents may take."""
FRAMES_S = 3.0
"""How long failed frames that are on their way home may take at the end."""
GOODBYE_S = 1.0
"""How long an agent may take to hear that the run is over: twice as long as a lost message takes."""
AGAIN_S = 0.5
"""How often lines are looked after."""
TOLD_S = 10.0
"""How often the log says that a machine is waited for."""

log = logging.getLogger("framewire")


class MachinesError(Exception):
    """No agent can come; the text says why."""


class Machines:
    """Welcomes agents, grants their leases, and passes on what they and the run say.

    Example:
        machines = Machines(spec, RunSocket(host, port, keys), version, Past("5f3a"), luggage_of(spec), out)
        for news in machines.news(): ...          # when a socket of `sockets` is readable, or `due` is there
        machines.start("n1", "faces-n1#0", boot)
        machines.close(is_complete=True)
    """

    def __init__(
        self,
        spec: PipelineSpec,
        socket: RunSocket,
        version: str,
        past: Past,
        luggage: Luggage,
        out: Path,
        hosts: Hosts | None = None,
    ) -> None:
        """Each agent gets, or may ask for, its part of `luggage`; failed frames come to `out`.

        `hosts` starts the agents, if the user does not.
        """
        now = time.monotonic()
        self._luggage = luggage
        self._lenders = {name: Lender(luggage.here_of(name)) for name in spec.machines}
        self._frames = {name: FailedFrames(spec, name, out) for name in spec.machines}
        self._hosts = hosts or AwaitedHosts(socket.address)
        self._spec = spec
        self._socket = socket
        self._version = version
        self._past = past
        self.machines = {name: Machine(name, spec.lease_s, socket.send, now) for name in spec.machines}
        for name in past.written & self.machines.keys():
            self.machines[name].has_worked = True
        self._look_at = now
        self._told_at = now
        self._is_ending = False
        log.info("waiting for agents at %s", socket.address)

    @property
    def address(self) -> str:
        """Where agents find the run."""
        return self._socket.address

    @property
    def strangers(self) -> int:
        """Connections refused so far."""
        return self._socket.refused

    @property
    def sockets(self) -> "Sequence[zmq.Socket[bytes]]":
        """To be polled for input."""
        return [self._socket.socket, self._socket.monitor]

    @property
    def due(self) -> float | None:
        """When `news` has something to do without any input."""
        leases = [machine.over_at for machine in self.machines.values() if machine.is_here]
        return min([self._look_at, *leases])

    def host(self, machine: str) -> str:
        """The address by which other machines reach one; empty is home."""
        return self.machines[machine].host if machine else self._socket.address.rpartition(":")[0].strip("[]")

    def is_here(self, machine: str) -> bool:
        """Whether its agent serves."""
        return self.machines[machine].is_here

    def handle(self, machine: str, worker: str) -> FarHandle:
        """How to reach a worker that is started there now."""
        return FarHandle(self.machines[machine], worker, time.monotonic)

    def start(self, machine: str, worker: str, boot: bytes) -> None:
        """Start a worker."""
        self.machines[machine].say(Start(worker, boot), time.monotonic())

    def dismiss(self, machine: str) -> None:
        """Let its agent go; another is waited for."""
        self.machines[machine].say(Dismissed(), time.monotonic())

    def ending(self) -> None:
        """The run takes no more frames: no machine is waited for."""
        self._is_ending = True

    def news(self) -> Iterator[News]:
        """What has happened."""
        while (heard := self._socket.waiting()) is not None:
            yield from self._heard(heard, time.monotonic())
        self._socket.count_strangers()
        now = time.monotonic()
        for machine in self.machines.values():
            if machine.is_here and now >= machine.over_at:
                log.warning("%s has not been heard from for %g s: it counts as lost", machine.name, self._spec.lease_s)
                yield self._lose(machine, now)
        if now >= self._look_at:
            self._look_at = now + min(AGAIN_S, self._hosts.look_s)
            for machine in self.machines.values():
                machine.send_again(now)
            yield from map(Failed, self._hosts.look())
            yield from self._waited_for(now)

    def close(self, is_complete: bool) -> None:
        """The run is over: tell the agents."""
        self._hear_last(time.monotonic() + FRAMES_S, lambda machine: self._frames[machine.name].is_busy)
        for frames in self._frames.values():
            frames.lost("the run is over")
        now = time.monotonic()
        for machine in self.machines.values():
            try:
                machine.say(RunOver(is_complete), now)
            except LineFullError:
                # It hears nothing: its lease ends.
                machine.leave(now)
        # A socket that is closed with words unread takes back what was sent last.
        self._hear_last(now + GOODBYE_S, lambda machine: True)
        self._socket.close(LAST_MS)
        self._hosts.close()

    def _hear_last(self, until: float, speaks: Callable[[Machine], bool]) -> None:
        """Wait for the last words of the agents that are here and have something to say."""
        while any(one.is_here and speaks(one) for one in self.machines.values()) and (now := time.monotonic()) < until:
            self._socket.socket.poll(round((until - now) * 1000))
            while (heard := self._socket.waiting()) is not None:
                for _ in self._heard(heard, now):
                    # What is said now comes too late.
                    continue
            for machine in self.machines.values():
                machine.send_again(now)

    def _heard(self, heard: Heard, now: float) -> Iterable[News]:
        machine = self.machines.get(heard.machine)
        try:
            frame = decode_frame(heard.raw)
            if machine is not None and machine.session == heard.session:
                payload = machine.line.take(frame, now)
                message = from_agent(payload) if payload else None
                if machine.line.owes:
                    machine.whisper(LeaseGranted(-1.0, now))
                return self._served(machine, message, now) if message is not None else ()
            message = from_agent(frame.payload)
        except (msgspec.DecodeError, MisheardError) as error:
            log.warning("%s: its agent sent an invalid message (%s)", heard.machine, error)
            return ()
        except LineFullError:
            assert machine is not None
            return [self._lose(machine, now)]
        return self._unknown(heard, machine, message, now)

    def _unknown(self, heard: Heard, machine: Machine | None, message: FromAgent, now: float) -> Iterable[News]:
        """An agent that does not serve: one that wants to, or one whose lease is out."""
        if not isinstance(message, Hello):
            return self._refuse(heard, Refusal("its lease has expired", is_final=False))
        refusal = self._refusal(message, machine)
        if machine is None or refusal is not None:
            text = f"no stage of {self._spec.name!r} runs on {heard.machine!r}"
            return self._refuse(heard, refusal or Refusal(text, is_final=False))
        machine.welcome(heard.session, message.cores, message.host, self._past.is_resumed, now)
        machine.whisper(self._welcome(message, machine, now))
        log.info("%s has joined, with %d cores", machine.name, machine.cores)
        self._hosts.came(machine.name)
        return [Came(machine.name)]

    def _refuse(self, heard: Heard, refusal: Refusal) -> Iterable[News]:
        """Tell an agent that does not serve: there is no line to it yet."""
        self._socket.send(heard.session, LineEnd().loose(encode_said(refusal)))
        return ()

    def _refusal(self, hello: Hello, machine: Machine | None) -> Refusal | None:
        if (hello.protocol, hello.version) != (PROTOCOL, self._version):
            return Refusal(f"it has Framewire {hello.version}, the run {self._version}: install the same", True)
        python, ours = hello.python, platform.python_version()
        if python.split(".")[:2] != ours.split(".")[:2]:
            return Refusal(f"it has Python {python}, the run {ours}: use the same", True)
        if machine is not None and machine.is_here:
            return Refusal(f"another agent serves {machine.name!r}, or its lease has not expired yet", False)
        return None

    def _welcome(self, hello: Hello, machine: Machine, now: float) -> Welcome:
        return Welcome(
            self._spec,
            self._past.run,
            self._spec.lease_s,
            machine.continues,
            machine.must_be_here,
            hello.asked_at,
            now,
            self._luggage.modules,
            self._luggage.for_machine(machine.name),
        )

    def _served(self, machine: Machine, message: FromAgent, now: float) -> Iterable[News]:
        match message:
            case Hello():
                # Our welcome was lost, or is on its way.
                machine.whisper(self._welcome(message, machine, now))
            case LeaseAsked():
                machine.asked(message, now)
                machine.whisper(LeaseGranted(message.asked_at, now))
            case FileAsked():
                machine.say(self._lenders[machine.name].answer(message), now)
            case FrameOffered():
                self._say_all(machine, self._frames[machine.name].offered(message, now), now)
            case FilePart() | FileRefused():
                self._say_all(machine, self._frames[machine.name].took(message, now), now)
            case Relayed():
                return [Said(message.raw)]
            case WorkerDied():
                return [Ended(message.worker, message.status, message.in_hand)]
            case Pictured():
                return [Shown(message.raw)]
            case Leaving():
                return [WantsToLeave(machine.name)]
            case Left():
                if message.why:
                    log.warning("%s has left (%s)", machine.name, message.why)
                return [self._lose(machine, now)]
            case Unable():
                # It has no worker, and the run ends: nobody is to wait for either.
                self._is_ending = True
                machine.say(RunOver(is_complete=False), now)
                return [Failed(f"{machine.name}: {message.text}"), self._lose(machine, now)]
        return ()

    def _say_all(self, machine: Machine, messages: Iterable[ToAgent], now: float) -> None:
        for message in messages:
            machine.say(message, now)

    def _lose(self, machine: Machine, now: float) -> Lost:
        machine.leave(now)
        self._frames[machine.name].lost("its agent is gone")
        if not self._is_ending:
            self._hosts.lost(machine.name)
        return Lost(machine.name)

    def _waited_for(self, now: float) -> Iterable[News]:
        """Tell which machines are waited for; fail when one has been waited for long enough."""
        absent = [machine for machine in self.machines.values() if not machine.is_here]
        if not absent or self._is_ending:
            return
        longest = min(absent, key=lambda machine: machine.away_since)
        if now - longest.away_since >= self._spec.node_wait_s:
            yield Failed(
                f"the machine {longest.name!r} has not joined within {self._spec.node_wait_s:g} s; "
                f"{self._hosts.cure(longest.name)}"
            )
        elif now - self._told_at >= TOLD_S:
            self._told_at = now
            log.info("waiting for %s", ", ".join(machine.name for machine in absent))


class NoMachines:
    """Of a run that has no machine but its own."""

    address = ""
    strangers = 0
    due: float | None = None
    sockets: "Sequence[zmq.Socket[bytes]]" = ()

    def host(self, machine: str) -> str:
        """See Machines."""
        raise KeyError(machine)

    def is_here(self, machine: str) -> bool:
        """See Machines."""
        return False

    def handle(self, machine: str, worker: str) -> FarHandle:
        """See Machines."""
        raise KeyError(machine)

    def start(self, machine: str, worker: str, boot: bytes) -> None:
        """See Machines."""
        raise KeyError(machine)

    def dismiss(self, machine: str) -> None:
        """See Machines."""
        raise KeyError(machine)

    def ending(self) -> None:
        """See Machines."""

    def news(self) -> Iterator[News]:
        """See Machines."""
        return iter(())

    def close(self, is_complete: bool) -> None:
        """See Machines."""
