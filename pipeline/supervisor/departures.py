"""Machines that are to leave a run: first their frames come to an end, then their agents are let go."""

import logging
import time
from collections.abc import Callable, Iterable

from msgspec import Struct

from framewire.pipeline.crew.crew import Crew
from framewire.pipeline.graph.plan import Plan
from framewire.pipeline.ledger.ledger import Ledger
from framewire.pipeline.seen.snapshot import Snapshot, StreamNow
from framewire.pipeline.supervisor.orders import Orders
from framewire.pipeline.wire.message import LetGo, MadeSafe

STILL_S = 1.0
"""When nothing has moved for so long, nothing will: workers report twice a second."""

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

    @property
    def have_all_answered(self) -> bool:
        return self.asked is not None and self.asked <= self.answered


class Departures:
    """Lets machines go with as few of their frames in flight as can be.

    The sources whose frames pass through such a machine pause. When nothing of what they have admitted is settled any
    more, stages hand out their memories, and sinks make safe what they hold back of live streams (a film's last
    fragment), which could not be had again. After that, or after `patience_s`, the machine's agent is dismissed, and
    another of its name is waited for: then they go on.
    """

    def __init__(self, plan: Plan, crew: Crew, orders: Orders, ledger: Ledger, patience_s: float) -> None:
        self._plan = plan
        self._crew = crew
        self._orders = orders
        self._ledger = ledger
        self._patience_s = patience_s
        self._leaving: dict[str, _Departure] = {}
        self._number = 0

    def begin(self, machine: str) -> None:
        """This machine's agent wants to leave."""
        if machine in self._leaving:
            return
        passing = [process for process in self._plan.processes if machine in process.machines]
        sources = frozenset[str]().union(*(self._plan.sources_through(process) for process in passing))
        self._leaving[machine] = _Departure(sources, time.monotonic(), self._next())
        log.info("%s wants to leave: its streams pause until what is in flight is safe", machine)
        self._orders.pause(sources)

    def look(self, snapshot: Callable[[], Snapshot]) -> None:
        """Let go whose frames are all settled. Call it now and then."""
        now = time.monotonic()
        for machine, departure in list(self._leaving.items()):
            streams = {name: one for name, one in snapshot().streams.items() if one.source in departure.sources}
            in_flight = sum(one.frames.in_flight for one in streams.values())
            if in_flight != departure.in_flight:
                departure.in_flight, departure.still_since = in_flight, now
            if now - departure.begun <= self._patience_s and not self._has_come_to_rest(departure, now):
                continue
            log.info("%s may leave; %d frames are not settled yet", machine, in_flight)
            for name, one in streams.items():
                self._note_rest(departure, name, one)
            del self._leaving[machine]
            self._crew.dismiss(machine)

    def take(self, message: LetGo | MadeSafe) -> None:
        """Somebody wants a machine to leave, or a worker holds back nothing that it need not."""
        if isinstance(message, LetGo):
            self.begin(message.machine)
            return
        for departure in self._leaving.values():
            if departure.number == message.number:
                departure.answered.add(message.worker)

    def went_on(self, sources: Iterable[str]) -> None:
        """An epoch of these has begun, which has ended their pause: another machine may have to wait for them still."""
        for departure in self._leaving.values():
            if not departure.sources.isdisjoint(sources):
                departure.again(self._next())
                self._orders.pause(departure.sources)

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _note_rest(self, departure: _Departure, name: str, stream: StreamNow) -> None:
        """Nothing of a stream is in flight, if its source, which pauses, has told how many frames it has made."""
        account = self._ledger.streams.get(name)
        source = self._plan.process_of(stream.source).workers[0]
        if account is not None and source in departure.answered and not stream.frames.in_flight:
            account.rest()

    def _has_come_to_rest(self, departure: _Departure, now: float) -> bool:
        """Whether no frame is on its way, and nobody can settle more; asks everybody once."""
        if departure.asked is None:
            if now - departure.still_since < STILL_S:
                return False
            departure.asked = self._orders.make_safe(departure.sources, departure.number)
        return departure.have_all_answered
