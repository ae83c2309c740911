"""Ray starts the agents of a run: the run's side, which has never imported ray."""

import logging
import os
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from math import ceil
from pathlib import Path

import msgspec

from framewire.pipeline.crew.restart import RestartPolicy
from framewire.pipeline.engine.said import Admit, AgentEnded, Joined, Offered, Over, Refused, Seek, hear_keeper, say
from framewire.pipeline.graph.spec import NeedsSpec, PipelineSpec
from framewire.pipeline.processes.signals import how_it_ended

PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv.pop(1)); "
    "from framewire.pipeline.engine.keeper import be_keeper; be_keeper(sys.argv[1])"
)
JOIN_S = 120.0
"""For a cluster's first answer: a local Ray is there in five seconds, on a busy machine in twenty."""
CLOSE_S = 10.0
SOON_S = 0.05
LATER_S = 0.5
"""Between two looks for news of Ray's, while an agent is sought, and while all are there."""
TAIL_BYTES = 4096
LINE_MAX = 300
REFUSED = 2
"""The exit status of an agent that may not serve: see exit_code.WRONG."""

log = logging.getLogger("framewire")


class NoClusterError(Exception):
    """There is no Ray for us; the text says why."""


class RayHosts:
    """See Hosts: an agent on each machine that Ray finds, and another in its place.

    Example:
        hosts = RayHosts(spec, address="10.0.0.1:6379", is_insecure=False, out=Path("out"))
        host = hosts.join()                       # the address by which the cluster reaches this machine
        hosts.seek("10.0.0.1:40123", run_key, socket.admit)
    """

    def __init__(self, spec: PipelineSpec, address: str, is_insecure: bool, out: Path) -> None:
        """`address` is empty for a local Ray. Agents write to folders named after their machines in `out`."""
        self._spec = spec
        self._address = address
        self._is_insecure = is_insecure
        self._out = out.absolute()
        self._join_at = self._run_key = ""
        self._admit: Callable[[str, str], None] = lambda public, machine: None
        self._numbers = dict.fromkeys(spec.machines, 1)
        """Of the agents that are sought now."""
        self._served: dict[str, int] = {}
        """Those that have come last."""
        self._why: dict[str, str] = {}
        """Why the last one of a machine has ended, or could not begin."""
        self._deaths = RestartPolicy(spec.restarts)
        self._again_at: float | None = None
        self._start()

    def join(self) -> str:
        """Wait until the cluster is there; returns this machine's address in it. Raises NoClusterError."""
        until = time.monotonic() + JOIN_S
        while True:
            readable, _, _ = select.select([self._end], [], [], max(0.0, until - time.monotonic()))
            message = hear_keeper(self._end) if readable else None
            match message:
                case Joined():
                    return message.host
                case Refused():
                    self.close()
                    raise NoClusterError(message.text)
            why = self._last_words() if readable else f"it has not answered within {JOIN_S:g} s"
            self.close()
            raise NoClusterError(f"Ray cannot be used ({why})")

    def seek(self, join: str, run_key: str, admit: Callable[[str, str], None]) -> None:
        """Have agents started, which find the run at `join`, and know it by its public key.

        `admit` gets the public key that an agent has made itself, and its machine.
        """
        self._join_at, self._run_key, self._admit = join, run_key, admit
        for machine in self._spec.machines:
            self._seek(machine)

    def came(self, machine: str) -> None:
        """See Hosts."""
        self._served[machine] = self._numbers[machine]
        self._why.pop(machine, None)

    def lost(self, machine: str) -> None:
        """See Hosts. Of a node that has fallen silent Ray may not say so for a long time: our lease has decided."""
        if self._served.get(machine) == self._numbers[machine]:
            self._numbers[machine] += 1
            self._seek(machine)

    @property
    def look_s(self) -> float:
        """See Hosts."""
        return SOON_S if self._served != self._numbers else LATER_S

    def look(self) -> Iterable[str]:
        """See Hosts."""
        if self._again_at is not None:
            if time.monotonic() >= self._again_at:
                self._again_at = None
                self._start()
            return
        while select.select([self._end], [], [], 0)[0]:
            message = hear_keeper(self._end)
            match message:
                case Joined():
                    # The agents of the one before end with it. Numbers go on: some may have been sought already.
                    self._served.clear()
                    self.seek(self._join_at, self._run_key, self._admit)
                case Refused():
                    yield message.text
                    return
                case Offered() if message.number == self._numbers[message.machine]:
                    self._admit(message.public, message.machine)
                    self._say(Admit(message.machine, message.number))
                case AgentEnded():
                    yield from self._ended(message)
                case None:
                    yield from self._lost_keeper()
                    return

    def cure(self, machine: str) -> str:
        """See Hosts."""
        asked = _in_words(self._spec.needs[machine])
        where = f"--address {self._address}" if self._address else "of the local Ray"
        if why := self._why.get(machine):
            return f"Ray cannot keep an agent there: {why}"
        return f"Ray has no node with {asked} free; `ray status {where}` shows what is available"

    def close(self) -> None:
        """See Hosts."""
        served = [machine for machine, number in self._served.items() if number == self._numbers[machine]]
        with suppress(OSError):
            say(self._end, Over(served))
        self._end.close()
        self._reap()
        self._words.close()

    def _reap(self) -> int:
        """Wait for the end of the keeper, whose end of the socket is closed, or sees that ours is."""
        try:
            return self._keeper.wait(CLOSE_S)
        except subprocess.TimeoutExpired:
            self._keeper.kill()
            return self._keeper.wait()

    def _start(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        needs = list(self._spec.needs.values())
        total: dict[str, float] = {}
        for one in needs:
            for name, amount in one.resources.items():
                total[name] = total.get(name, 0.0) + amount
        order = {
            "name": self._spec.name,
            "run": os.getpid(),
            "end": theirs.fileno(),
            "address": self._address,
            "is_insecure": self._is_insecure,
            "cpus": max(1, ceil(sum(one.cpus for one in needs))),
            "resources": total,
        }
        path = [str(Path(place).absolute()) for place in sys.path]
        # What Ray prints is for its own authors; its last line may say why it has gone.
        self._words = tempfile.TemporaryFile()  # noqa: SIM115
        with theirs:
            self._keeper = subprocess.Popen(
                [
                    *(sys.executable, "-P", "-c", PROGRAM),
                    *(msgspec.json.encode(part).decode() for part in (path, order)),
                ],
                stdin=subprocess.DEVNULL,
                stdout=self._words,
                stderr=self._words,
                pass_fds=[theirs.fileno()],
                # Ctrl-C is for the run alone.
                process_group=0,
            )
        self._end = ours

    def _seek(self, machine: str) -> None:
        needs = self._spec.needs[machine]
        others = [one for one in self._spec.needs.values() if one.kind == needs.kind]
        seek = Seek(
            machine,
            self._numbers[machine],
            self._join_at,
            self._run_key,
            str(self._out / machine),
            str(Path.cwd()),
            len(others) > 1,
            needs.cpus,
            needs.gpus,
            needs.resources,
        )
        self._say(seek)

    def _say(self, message: Seek | Admit) -> None:
        # A keeper that is dead is the next news.
        with suppress(OSError):
            say(self._end, message)

    def _ended(self, message: AgentEnded) -> Iterable[str]:
        if message.number < self._numbers[message.machine] or message.status == 0:
            return
        self._numbers[message.machine] = message.number + 1
        how = f"exit status {message.status}" if message.status is not None else "Ray has lost it"
        self._why[message.machine] = message.text or how
        if message.status == REFUSED:
            yield f"{message.machine}: {message.text or how}"
            return
        log.warning("the agent of %s has ended (%s); asking Ray for another", message.machine, message.text or how)

    def _lost_keeper(self) -> Iterable[str]:
        why = self._last_words()
        self.close()
        self._again_at = self._deaths.died(time.monotonic())
        if self._again_at is None:
            yield f"the process that talks to Ray keeps dying ({why})"
            return
        log.warning("the process that talks to Ray has died (%s); starting it again", why)

    def _last_words(self) -> str:
        status = self._reap()
        if status < 0:
            # What it has printed before says nothing of that.
            return how_it_ended(status)
        size = self._words.seek(0, os.SEEK_END)
        self._words.seek(max(0, size - TAIL_BYTES))
        lines = [line.strip() for line in self._words.read().decode(errors="replace").split("\n") if line.strip()]
        return lines[-1][:LINE_MAX] if lines else how_it_ended(status)


def _in_words(needs: NeedsSpec) -> str:
    """`1 CPU, 2 GPUs and 1 camera`."""
    amounts = {"CPU": needs.cpus, "GPU": needs.gpus, **needs.resources}
    return ", ".join(f"{amount:g} {name}" for name, amount in amounts.items() if amount)
