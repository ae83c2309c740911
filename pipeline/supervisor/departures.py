"""Machines that are to leave a run: first their frames come to an end, then their agents are let go."""

import logging
import time
from collections.abc import Callable

from msgspec import Struct

from framewire.pipeline.crew.crew import Crew
from framewire.pipeline.graph.plan import Plan
from framewire.pipeline.seen.snapshot import Snapshot
from framewire.pipeline.supervisor.orders import Orders

STILL_S = 1.0
"""When nothing has moved for so long, nothing will: workers report twice a second."""

log = logging.getLogger("framewire")


class _Departure(Struct):
    sources: frozenset[str]
    begun: float
    in_flight: int = -1
    still_since: float = 0.0


class Departures:
    """Lets machines go with as few of their frames in flight as can be.

    The sources whose frames pass through such a machine pause; when nothing of what they have admitted is settled any
    more (a film's last fragment stays open), or after `patience_s`, the machine's agent is dismissed, and another of
    its name is waited for: then they go on.
    """

    def __init__(self, plan: Plan, crew: Crew, orders: Orders, patience_s: float) -> None:
        self._plan = plan
        self._crew = crew
        self._orders = orders
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
            streams = [stream for stream in snapshot().streams.values() if stream.source in departure.sources]
            in_flight = sum(stream.frames.in_flight for stream in streams)
            if in_flight != departure.in_flight:
                departure.in_flight, departure.still_since = in_flight, now
            if now - departure.still_since >= STILL_S or now - departure.begun > self._patience_s:
                log.info("%s may leave; %d frames are not settled yet", machine, in_flight)
                del self._leaving[machine]
                self._crew.dismiss(machine)
