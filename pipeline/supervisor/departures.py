"""Machines that are to leave a run: first their frames come to an end, then their agents are let go."""

import logging
import time
from collections.abc import Callable, Iterable

from msgspec import Struct

from framewire.pipeline.crew.crew import Crew
from framewire.pipeline.graph.plan import Plan
from framewire.pipeline.ledger.ledger import Ledger
from framewire.pipeline.seen.snapshot import Snapshot
from framewire.pipeline.supervisor.orders import Orders
from framewire.pipeline.wire.message import LetGo, MadeSafe

STILL_S = 1.0
"""When nothing has moved for so long, nothing will: workers report twice a second."""

log = logging.getLogger("framewire")


class _Departure(Struct):
    sources: frozenset[str]
    begun: float
    in_flight: int = -1
    still_since: float = 0.0
    asked: set[str] | None = None
    """The workers that have yet to answer; None before any was asked."""


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

    def begin(self, machine: str) -> None:
        """This machine's agent wants to leave."""
        if machine in self._leaving:
            return
        passing = [process for process in self._plan.processes if machine in process.machines]
        sources = frozenset[str]().union(*(self._plan.sources_through(process) for process in passing))
        self._leaving[machine] = _Departure(sources, time.monotonic())
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
            if departure.asked == set():
                # Only now, after all answers, is it known how many frames there are.
                self._rest(name for name, one in streams.items() if not one.frames.in_flight)
            del self._leaving[machine]
            self._crew.dismiss(machine)

    def take(self, message: LetGo | MadeSafe) -> None:
        """Somebody wants a machine to leave, or a worker holds back nothing that it need not."""
        if isinstance(message, LetGo):
            self.begin(message.machine)
            return
        for departure in self._leaving.values():
            if departure.asked:
                departure.asked.discard(message.worker)

    def _rest(self, streams: Iterable[str]) -> None:
        for stream in self._ledger.streams.keys() & set(streams):
            self._ledger.streams[stream].rest()

    def _has_come_to_rest(self, departure: _Departure, now: float) -> bool:
        """Whether no frame is on its way, and nobody can settle more; asks everybody once."""
        if departure.asked is None:
            if now - departure.still_since < STILL_S:
                return False
            departure.asked = self._orders.make_safe(departure.sources)
        return not departure.asked
