"""What a run knows of its machines and links at one moment, for whoever looks at it."""

import time
from collections.abc import Collection, Iterable, Mapping

from framewire.pipeline.graph.spec import HOME
from framewire.pipeline.machines.machine import Machine
from framewire.pipeline.machines.machines import Machines, NoMachines
from framewire.pipeline.seen.machine import LinkNow, MachineNow
from framewire.pipeline.seen.snapshot import WorkerNow


def machines_seen(
    machines: Machines | NoMachines, workers: Iterable[WorkerNow], waiting: Collection[str], cores: int
) -> dict[str, MachineNow]:
    """A record for each machine; none if the run has but one.

    `waiting` names the workers that are still to be started; `cores` are those of the machine where the command runs.
    """
    if isinstance(machines, NoMachines):
        return {}
    found = {HOME: MachineNow(HOME, True, cores=cores)}
    found.update({name: _away_or_here(machine) for name, machine in machines.machines.items()})
    for worker in workers:
        own = found[worker.machine]
        own.cpu_seconds += worker.cpu_seconds
        own.resident_bytes += worker.resident_bytes
        own.awaited |= not own.here and worker.name in waiting
        if not worker.link:
            own.workers += 1
            own.up += worker.up
    return found


def _away_or_here(machine: Machine) -> MachineNow:
    away_s = 0.0 if machine.is_here else time.monotonic() - machine.away_since
    return MachineNow(
        machine.name, machine.is_here, machine.agents, False, away_s, machine.cores, refused=machine.refused
    )


def links_seen(workers: Iterable[WorkerNow], sent: Mapping[str, int], pixels: Mapping[str, str]) -> dict[str, LinkNow]:
    """A record for each direction of each link; `sent` are the bytes that each worker has sent over one.

    `pixels` is how pictures cross it, or `none`.
    """
    found: dict[str, LinkNow] = {}
    for worker in workers:
        if worker.link:
            here, _, there = worker.link.partition(">")
            sent_bytes, how = sent[worker.name], pixels[worker.name]
            found[worker.link] = LinkNow(here, there, worker.up, sent_bytes, worker.restarts, worker.cpu_seconds, how)
    ready = {name for name, link in found.items() if link.up}
    for link in found.values():
        # Either end alone reaches nobody.
        link.up = {link.name, link.way_back} <= ready
    return found
