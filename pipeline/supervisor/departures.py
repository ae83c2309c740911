"""Machines that are to leave a run: first their frames come to an end, then their agents are let go."""

import logging
import time
from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct

from framewire.pipeline.crew.crew import Crew
from framewire.pipeline.crew.worker_record import Life
from framewire.pipeline.graph.plan import Plan
from framewire.pipeline.ledger.ledger import Ledger
from framewire.pipeline.machines.news import Lost, WantsToLeave
from framewire.pipeline.seen.snapshot import Snapshot, StreamNow
from framewire.pipeline.supervisor.ending import Ending
from framewire.pipeline.supervisor.orders import Orders
from framewire.pipeline.wire.message import LetGo, MadeSafe

STILL_S = 1.0
"""When nothing has moved for so long, all are asked what they hold back: workers report twice a second."""

log = logging.getLogger("framewire")


class _Departure(Struct):
    sources: frozenset[str]
    begun: float
    number: int
    in_flight: int = -1
    still_since: float = 0.0
    asked: frozenset[str] | None = None
    """The workers that were asked to hold nothing back; None before."""
    answered: set[str] = set()

    def again(self, number: int) -> None:
        """Nothing is known of what is in flight."""
        self.number, self.in_flight, self.asked, self.answered = number, -1, None, set()


class Departures:
    """Lets machines go without losing a frame that cannot be had again.

    The sources whose frames pass through such a machine pause. When the ledger has seen nothing move for a while, all
    on their way hand out their memories, and sinks make safe what they hold back of live streams (a film's last
    fragment): again and again until nothing of a live stream is in flight, or for `patience_s`. Then the machine's
    agent is dismissed, and another of its name is waited for: with it they go on. What is left of a file is read again.
    """

    def __init__(
        self, plan: Plan, crew: Crew, orders: Orders, ledger: Ledger, ending: Ending, patience_s: float
    ) -> None:
        self._plan = plan
        self._crew = crew
        self._orders = orders
        self._ledger = ledger
        self._ending = ending
        self._patience_s = patience_s
        self._leaving: dict[str, _Departure] = {}
        self._number = 0

    def take(self, message: LetGo | MadeSafe | WantsToLeave | Lost) -> None:
        """A machine is to leave, or is gone; or a worker holds nothing back."""
        match message:
            case LetGo() | WantsToLeave():
                self._begin(message.machine)
            case Lost():
                self._leaving.pop(message.machine, None)
            case MadeSafe():
                for departure in self._leaving.values():
                    if departure.number == message.number:
                        departure.answered.add(message.worker)

    def look(self, snapshot: Callable[[], Snapshot]) -> None:
        """Let go who may, and ask who is to be asked. Call it now and then; a run that ends lets all go by itself."""
        if not self._leaving or self._ending.is_draining or self._ending.is_closing:
            return
        now, everything = time.monotonic(), snapshot().streams
        for machine, departure in list(self._leaving.items()):
            streams = {name: one for name, one in everything.items() if one.source in departure.sources}
            in_flight = sum(one.frames.in_flight for one in streams.values())
            if in_flight != departure.in_flight:
                departure.in_flight, departure.still_since = in_flight, now
            if now - departure.begun <= self._patience_s and not self._go_on(departure, streams, now):
                continue
            log.info("%s may leave; %d frames are not settled yet", machine, in_flight)
            for name, one in streams.items():
                self._note_rest(departure, name, one)
            del self._leaving[machine]
            self._crew.dismiss(machine)

    def went_on(self, sources: Iterable[str]) -> None:
        """An epoch of these has begun, which has ended their pause: another machine may have to wait for them still."""
        for departure in self._leaving.values():
            if not departure.sources.isdisjoint(sources):
                departure.again(self._next())
                self._orders.pause(departure.sources)

    def _begin(self, machine: str) -> None:
        if machine in self._leaving or not self._crew.is_here(machine):
            return
        passing = [process for process in self._plan.processes if machine in process.machines]
        sources = frozenset[str]().union(*(self._plan.sources_through(process) for process in passing))
        self._leaving[machine] = _Departure(sources, time.monotonic(), self._next())
        log.info("%s wants to leave: its streams pause until what is in flight is safe", machine)
        self._orders.pause(sources)

    def _go_on(self, departure: _Departure, streams: Mapping[str, StreamNow], now: float) -> bool:
        """The next step; returns whether there is none, and the machine may leave."""
        if departure.asked is None:
            if now - departure.still_since >= STILL_S:
                departure.asked = self._orders.make_safe(departure.sources, departure.number)
            return False
        if any(self._crew.workers[name].life is Life.READY for name in departure.asked - departure.answered):
            return False
        if any(one.frames.in_flight for name, one in streams.items() if self._is_live(name)):
            # A mark moves by fragments and memories: frames may have been moving all the time.
            departure.again(self._next())
            return False
        return True

    def _is_live(self, stream: str) -> bool:
        account = self._ledger.streams.get(stream)
        return account is not None and account.opened is not None and account.opened.is_live

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _note_rest(self, departure: _Departure, name: str, stream: StreamNow) -> None:
        """Nothing of a stream is in flight, if its source, which pauses, has told how many frames it has made."""
        account = self._ledger.streams.get(name)
        source = self._plan.process_of(stream.source).workers[0]
        if account is not None and source in departure.answered and not stream.frames.in_flight:
            account.rest()
