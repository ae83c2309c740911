"""The metrics of machines and of the links between them; a run on one machine has none."""

from collections.abc import Iterator

from prometheus_client.metrics_core import Metric

from framewire.pipeline.metrics.families import counter, gauge
from framewire.pipeline.seen.snapshot import Snapshot


def of_machines(now: Snapshot) -> Iterator[Metric]:
    """One series a machine, and one for each direction of a link."""
    if not now.machines:
        return
    machines, links = now.machines.values(), now.links.values()
    yield gauge(
        now,
        "machine_up",
        "Whether an agent of the machine serves the run",
        ("node",),
        [((one.name,), float(one.here)) for one in machines],
    )
    yield counter(
        now,
        "machine_agents",
        "Agents of the machine that have come: each but the first after a loss",
        ("node",),
        [((one.name,), float(one.agents)) for one in machines],
    )
    yield gauge(
        now,
        "machine_cores",
        "Cores of the machine; 0 until its agent has come",
        ("node",),
        [((one.name,), float(one.cores)) for one in machines],
    )
    yield gauge(
        now,
        "link_up",
        "Whether packets can cross from one machine to another",
        ("node", "to"),
        [((one.here, one.there), float(one.up)) for one in links],
    )
    yield counter(
        now,
        "link_bytes",
        "Bytes sent from one machine to another, all packets with their pictures",
        ("node", "to"),
        [((one.here, one.there), float(one.sent_bytes)) for one in links],
    )
    yield counter(
        now,
        "link_restarts",
        "Times the link was lost and made anew",
        ("node", "to"),
        [((one.here, one.there), float(one.restarts)) for one in links],
    )
    yield counter(
        now,
        "connections_refused",
        "Connections from strangers, refused on the agents' port",
        (),
        [((), float(now.strangers))],
    )
