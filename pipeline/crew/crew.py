"""All processes of a run but the supervisor's own: the workers, the server, and the nursery that starts them."""

import logging
import os
import select
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress

import zmq
from msgspec import Struct

from framewire.pipeline.crew.handle import Handle, LocalHandle
from framewire.pipeline.crew.offspring import executed_nursery, forked_nursery
from framewire.pipeline.crew.restart import RestartPolicy
from framewire.pipeline.crew.worker_record import Life, WorkerRecord
from framewire.pipeline.graph.plan import Plan
from framewire.pipeline.graph.spec import PipelineSpec
from framewire.pipeline.machines.machine import FarHandle
from framewire.pipeline.machines.machines import Machines, NoMachines
from framewire.pipeline.machines.news import Ended as FarEnded
from framewire.pipeline.machines.news import Lost, News
from framewire.pipeline.processes.nursery import Born, NurseryDiedError, kill_group
from framewire.pipeline.processes.signals import how_it_ended, is_stopped
from framewire.pipeline.worker.process import REPLACE

GOING_S = 5.0
"""How long a process may take to be gone that the kernel ends."""

log = logging.getLogger("framewire")


class CrewLostError(Exception):
    """The crew cannot be made whole again; the text says why."""


class Ended(Struct, frozen=True):
    """A process has ended: `status` is its exit status, or minus the signal; None if the nursery took it along."""

    token: str
    status: int | None


class Crew:
    """Starts processes by token (a worker's name, or the server's), and tells which have ended.

    If the nursery dies, another takes its place, and the processes that died with it are without blame. So are those
    of a machine that is lost: another agent takes its place.

    Make it before this process has any thread: it forks the nursery at once. On another machine than the run's, the
    nursery is a program of its own.
    """

    def __init__(
        self,
        spec: PipelineSpec,
        plan: Plan,
        listening_fd: int | None,
        locks: Sequence[int],
        invite: Callable[[bytes], None] | None = None,
        machine: str = "",
    ) -> None:
        """Whoever writes files must hold `locks`, descriptors, for as long as it lives.

        `invite` passes its boot to the guest, who is no child of ours: it says itself when it goes. With `machine`, it
        is the crew of that machine alone; else of all.
        """
        self._invite = invite
        self._machine = machine
        self._machines: Machines | NoMachines = NoMachines()
        self._guests = {
            worker for stage in spec.stages if stage.is_guest for worker in plan.process_of(stage.name).workers
        }
        self._spec = spec
        self._listening_fd = listening_fd
        self._locks = list(locks)
        self.workers = {
            name: WorkerRecord(process, replica, RestartPolicy(spec.restarts))
            for process in plan.processes
            for replica, name in enumerate(process.workers)
            if machine in ("", process.machine_of(replica))
        }
        self._nursery = executed_nursery(spec, None, self._locks) if machine else forked_nursery(spec, listening_fd)
        self._deaths = RestartPolicy(spec.restarts)
        self._unborn: list[str] = []
        self._pidfds: dict[int, int] = {}
        self._tokens: dict[int, str] = {}

    def begin(self, context: "zmq.Context[zmq.Socket[bytes]]", machines: Machines | NoMachines | None = None) -> None:
        """From now on workers may be spoken to, by sockets of this context; `machines` are those beside this one."""
        self._context = context
        self._machines = machines or self._machines

    def fileno(self) -> int:
        """For a poller: readable when there is news. It is another one once the nursery has died."""
        return self._nursery.fileno()

    def spawn(self, token: str, boot: bytes) -> None:
        """Start a process, here or where it belongs, or invite the guest."""
        if token in self._guests and self._invite is not None:
            self._invite(boot)
            return
        machine = self.workers[token].machine if token in self.workers else ""
        if machine and machine != self._machine:
            self.workers[token].handle = self._machines.handle(machine, token)
            self._machines.start(machine, token, boot)
            return
        self._unborn.append(token)
        self._nursery.spawn(token, boot)

    def news(self) -> list[Ended]:
        """Which processes have ended: wait for the next birth or death. Raises CrewLostError."""
        try:
            news = self._nursery.news()
        except NurseryDiedError:
            return self._without_nursery()
        if not isinstance(news, Born):
            token = self._forget(news.pid)
            return [Ended(token, self._blamed(token, news.status))]
        self._unborn.remove(news.token)
        self._tokens[news.pid] = news.token
        with suppress(OSError):
            # It may be gone already: its death is the next news.
            self._pidfds[news.pid] = os.pidfd_open(news.pid)
        if news.token in self.workers:
            handle = self.workers[news.token].handle
            if isinstance(handle, LocalHandle):
                handle.pid = news.pid
            else:
                self.workers[news.token].handle = LocalHandle(self._context, news.pid)
        return []

    def handle_of(self, worker: WorkerRecord) -> Handle:
        """How a worker that says it is ready is reached: its birth may still be news."""
        return worker.handle or LocalHandle(self._context)

    def far_ended(self, news: News) -> Iterable[Ended]:
        """Which processes have ended on another machine."""
        match news:
            case FarEnded() if news.worker in self.workers:
                handle = self.workers[news.worker].handle
                if isinstance(handle, FarHandle):
                    handle.dies_with(news.in_hand)
                return [Ended(news.worker, self._blamed(news.worker, news.status))]
            case Lost():
                return [
                    Ended(worker.name, None)
                    for worker in self.workers.values()
                    if worker.machine == news.machine and worker.life is not Life.WAITING
                ]
        return ()

    def _blamed(self, token: str, status: int | None) -> int | None:
        """The status; none for a porter that has lost its link, which is nobody's fault."""
        is_porter = token in self.workers and self.workers[token].process.towards is not None
        return None if is_porter and status == REPLACE else status

    def may_start(self, worker: WorkerRecord) -> bool:
        """Whether there is somebody to start it."""
        machine = worker.machine
        return machine == self._machine or self._machines.is_here(machine)

    def is_here(self, machine: str) -> bool:
        """Whether a machine's agent serves."""
        return self._machines.is_here(machine)

    @property
    def is_nursery_stopped(self) -> bool:
        """Whether somebody has stopped the nursery: no death would be told."""
        return is_stopped(self._nursery.pid)

    def kill_nursery(self) -> None:
        """End the nursery; another takes its place."""
        self._nursery.kill()

    def dismiss(self, machine: str) -> None:
        """Let a machine's agent go, and all of its workers with it; another is waited for."""
        self._machines.dismiss(machine)

    def host_of(self, machine: str) -> str:
        """The address by which other machines reach one; empty is the run's own."""
        return self._machines.host(machine)

    @property
    def machines(self) -> Machines | NoMachines:
        """The machines beside this one."""
        return self._machines

    @property
    def are_all_ready(self) -> bool:
        """Whether every worker has opened its stages."""
        return all(worker.life is Life.READY for worker in self.workers.values())

    @property
    def are_all_gone(self) -> bool:
        """Whether no worker is there, or will be."""
        return all(worker.life is Life.GONE for worker in self.workers.values())

    def end_stragglers(self, is_last_call: bool) -> None:
        """Kill who has not closed; at the last call, leave behind whoever is there even so."""
        for worker in self.workers.values():
            if worker.life is Life.GONE:
                continue
            if is_last_call or worker.handle is None:
                if worker.handle is not None:
                    log.error("%s cannot be killed: it hangs in the kernel, and is left behind", worker.name)
                worker.life = Life.GONE
            else:
                log.error("%s does not close; killing it", worker.name)
                worker.kill()

    def close(self) -> None:
        """End every process that is left."""
        for worker in self.workers.values():
            worker.close()
        self._nursery.close()
        for pidfd in self._pidfds.values():
            os.close(pidfd)
        self._pidfds.clear()

    def _without_nursery(self) -> list[Ended]:
        """The nursery has died: see that all it had started is gone, and start another. Raises CrewLostError."""
        how = how_it_ended(self._nursery.close())
        # Before their pids are forgotten: what their stages had started does not die with the nursery.
        for pid in self._tokens:
            kill_group(pid)
        if left := list(self._still_there(time.monotonic() + GOING_S)):
            raise CrewLostError(f"the process that starts the workers has died ({how}), and {left[0]} cannot be ended")
        if self._deaths.died(time.monotonic()) is None:
            times = self._spec.restarts.too_often
            raise CrewLostError(f"the process that starts the workers has died {times} ({how})")
        log.warning("the process that starts the workers has died (%s), and they with it; starting them again", how)
        ended = [Ended(token, None) for token in (*self._unborn, *(self._forget(pid) for pid in list(self._tokens)))]
        self._unborn.clear()
        self._nursery = executed_nursery(self._spec, self._listening_fd, self._locks)
        return ended

    def _still_there(self, until: float) -> Iterator[str]:
        """Who is not gone by then: a new worker must not write a file that its predecessor still has in hand."""
        for pid, pidfd in self._pidfds.items():
            poller = select.poll()
            poller.register(pidfd, select.POLLIN)
            if not poller.poll(max(0.0, until - time.monotonic()) * 1000):
                yield self._tokens[pid]

    def _forget(self, pid: int) -> str:
        """The token of a process that has ended."""
        if pid in self._pidfds:
            os.close(self._pidfds.pop(pid))
        return self._tokens.pop(pid)
