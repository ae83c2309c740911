"""From stages to processes: which stages share one, which edges cross processes, and how packets choose a replica."""

from collections.abc import Iterator
from enum import StrEnum
from itertools import product

from msgspec import Struct

from framewire.pipeline.gpus import together
from framewire.pipeline.graph.spec import HOME, Near, PipelineSpec, StageSpec

EdgeId = tuple[str, str]
"""The producer and the consumer of an edge: stays the same when other edges come or go."""


class Routing(StrEnum):
    """How the packets of an edge choose their worker."""

    LOCAL = "local"
    """Both stages share a process: a plain call."""
    ONE = "one"
    """One worker: everything goes there at once; the window bounds the queue."""
    ASK = "ask"
    """Replicas ask for work, so a slow one never holds what an idle one could take."""
    SEQ = "seq"
    """Replica `seq mod replicas`: where branches join, all parts of a frame must meet in one worker."""


class Edge(Struct, frozen=True):
    """From a stage to one that reads it."""

    producer: str
    consumer: str
    routing: Routing

    @property
    def id(self) -> EdgeId:
        """Its key in messages."""
        return self.producer, self.consumer


class Process(Struct, frozen=True):
    """Stages that run in one process, in the order of the graph, and how many such processes there are."""

    name: str
    stages: tuple[str, ...]
    replicas: int
    machine: str = ""
    """Where it runs; empty: where the command does."""
    shared_by: tuple[str, ...] = ()
    """The machines that share its replicas, `machine` first, if there are several."""
    near: Near = "first"
    """Whether a replica on the producer's machine is preferred."""
    gpus: float = 0.0
    """What each of its workers needs: see StageSpec."""
    towards: str | None = None
    """Of a porter, which runs no stage: the machine at the other end of its link."""
    carries: tuple[str, ...] = ()
    """Of a porter: the sources whose frames cross the link."""
    looking: tuple[str, ...] = ()
    """Of a porter: the stages at the other end that get pixels; others get packets alone."""

    @property
    def machines(self) -> tuple[str, ...]:
        """Where its workers run, each machine once."""
        return self.shared_by[: self.replicas] or (self.machine,)

    def machine_of(self, replica: int) -> str:
        """Where a worker runs."""
        return self.machines[replica % len(self.machines)]

    @property
    def listens(self) -> bool:
        """Whether it is the end of the link that is called: home is by all, others by those after them."""
        return self.towards is not None and self.machine < self.towards

    @property
    def workers(self) -> list[str]:
        """The names of its workers: `NAME#0`, `NAME#1`, ..."""
        return [f"{self.name}#{index}" for index in range(self.replicas)]


class Plan(Struct, frozen=True):
    """Processes and edges, and what follows from the graph's shape."""

    processes: tuple[Process, ...]
    edges: tuple[Edge, ...]
    sinks_of: dict[str, tuple[str, ...]]
    """For each source, the sinks that its frames reach: all of them must settle a frame."""
    remembering_of: dict[str, tuple[str, ...]]
    """For each source, the stages on its path whose memory is kept: a mark stands only where all of it is known."""
    sources_at: dict[str, tuple[str, ...]]
    """For each stage, the sources whose frames reach it."""
    bare_at: dict[str, tuple[str, ...]]
    """For each stage, the sources whose pictures some stage hides parts of, but none on their way to this one."""

    @property
    def hides(self) -> bool:
        """Whether any stage hides parts of pictures."""
        return any(self.bare_at.values())

    @property
    def workers(self) -> int:
        """How many operating system processes run stages."""
        return sum(process.replicas for process in self.processes)

    def workers_on(self, machine: str) -> int:
        """How many of them run on this machine; empty: where the command runs."""
        running = (process for process in self.processes if process.stages)
        return sum(process.machine_of(replica) == machine for process in running for replica in range(process.replicas))

    def gpus_on(self, machine: str) -> dict[str, float]:
        """The workers on this machine that need GPUs, and how many."""
        return {
            worker: process.gpus
            for process in self.processes
            for replica, worker in enumerate(process.workers)
            if process.gpus and process.machine_of(replica) == machine
        }

    def into(self, stage: str) -> list[Edge]:
        """The edges into a stage, in the order of its inputs."""
        return [edge for edge in self.edges if edge.consumer == stage]

    def out_of(self, stage: str) -> list[Edge]:
        """The edges out of a stage."""
        return [edge for edge in self.edges if edge.producer == stage]

    def process_of(self, stage: str) -> Process:
        """The process that runs a stage. Raises KeyError."""
        for process in self.processes:
            if stage in process.stages:
                return process
        raise KeyError(stage)

    def sources_through(self, process: Process) -> frozenset[str]:
        """The sources whose frames pass through a process, or are made in it."""
        return frozenset(process.carries).union(*(self.sources_at[stage] for stage in process.stages))

    def porter(self, machine: str, towards: str) -> Process | None:
        """The process at one end of a link; None if nothing crosses."""
        return next((one for one in self.processes if (one.machine, one.towards) == (machine, towards)), None)

    def join_edges(self, stage: str, source: str) -> tuple[EdgeId, ...]:
        """The edges over which a frame of `source` reaches `stage`: more than one means a join."""
        return tuple(edge.id for edge in self.into(stage) if source in self.sources_at[edge.producer])


def topological(stages: tuple[StageSpec, ...]) -> list[StageSpec]:
    """The stages, each after its inputs, otherwise as given. Raises ValueError naming a cycle."""
    by_name = {spec.name: spec for spec in stages}
    done: dict[str, StageSpec] = {}
    under_way: list[str] = []

    def visit(spec: StageSpec) -> None:
        if spec.name in done:
            return
        if spec.name in under_way:
            circle = [*under_way[under_way.index(spec.name) :], spec.name]
            raise ValueError(" -> ".join(reversed(circle)))
        under_way.append(spec.name)
        for name in spec.inputs:
            if name in by_name:
                visit(by_name[name])
        under_way.pop()
        done[spec.name] = spec

    for spec in stages:
        visit(spec)
    return list(done.values())


def above(stages: tuple[StageSpec, ...]) -> dict[str, frozenset[str]]:
    """For each stage, all whose frames reach it. Raises ValueError naming a cycle."""
    found: dict[str, frozenset[str]] = {}
    for spec in topological(stages):
        found[spec.name] = frozenset(spec.inputs).union(*(found[name] for name in spec.inputs))
    return found


def make_plan(spec: PipelineSpec) -> Plan:
    """The plan of a checked pipeline: the same in every process that makes it."""
    ordered = topological(spec.stages)
    sources_at = sources_reaching(spec.stages)
    processes = _processes(ordered)
    edges = _edges(spec.stages, processes, sources_at)
    sinks_of = {
        source.name: tuple(
            sink.name for sink in ordered if sink.kind == "sink" and source.name in sources_at[sink.name]
        )
        for source in ordered
        if source.kind == "source"
    }
    remembering_of = {
        source: tuple(stage.name for stage in ordered if stage.remembers and source in sources_at[stage.name])
        for source in sinks_of
    }
    looking = frozenset(stage.name for stage in ordered if stage.looks)
    processes = (*processes, *_porters(processes, edges, sources_at, looking))
    return Plan(processes, edges, sinks_of, remembering_of, sources_at, bare_at(spec.stages))


def sources_reaching(stages: tuple[StageSpec, ...]) -> dict[str, tuple[str, ...]]:
    """For each stage, the sources whose frames reach it. Raises ValueError naming a cycle."""
    at: dict[str, tuple[str, ...]] = {}
    for stage in topological(stages):
        if stage.kind == "source":
            at[stage.name] = (stage.name,)
        else:
            at[stage.name] = tuple(dict.fromkeys(source for name in stage.inputs for source in at[name]))
    return at


def bare_at(specs: tuple[StageSpec, ...]) -> dict[str, tuple[str, ...]]:
    """For each stage, the sources whose pictures some stage hides, but none on their way to this one."""
    reaching = sources_reaching(specs)
    hiding = {source for spec in specs if spec.hides for source in reaching[spec.name]}
    covered: dict[tuple[str, str], bool] = {}
    for spec in topological(specs):
        for source in reaching[spec.name]:
            ways = [covered[source, name] for name in spec.inputs if source in reaching[name]]
            covered[source, spec.name] = spec.hides or (bool(ways) and all(ways))
    return {
        spec.name: tuple(
            source for source in reaching[spec.name] if source in hiding and not covered[source, spec.name]
        )
        for spec in specs
    }


def _processes(ordered: list[StageSpec]) -> tuple[Process, ...]:
    groups: dict[str, list[StageSpec]] = {}
    for stage in ordered:
        groups.setdefault(f"={stage.process}" if stage.process else stage.name, []).append(stage)
    return tuple(
        Process(
            "+".join(stage.name for stage in group),
            tuple(stage.name for stage in group),
            max(stage.replicas for stage in group),
            group[0].machine,
            group[0].shared_by,
            group[0].near,
            together(stage.gpus for stage in group),
        )
        for group in groups.values()
    )


def crossings(processes: tuple[Process, ...], edges: tuple[Edge, ...]) -> Iterator[tuple[Edge, str, str]]:
    """Each edge with two machines, from one of which its packets may go to the other."""
    machines_of = {stage: process.machines for process in processes for stage in process.stages}
    for edge in edges:
        for here, there in product(machines_of[edge.producer], machines_of[edge.consumer]):
            if here != there and edge.routing is not Routing.LOCAL:
                yield edge, here, there


def _porters(
    processes: tuple[Process, ...],
    edges: tuple[Edge, ...],
    sources_at: dict[str, tuple[str, ...]],
    looking: frozenset[str],
) -> list[Process]:
    """Two for each pair of machines between which packets go: one at either end."""
    crossing: dict[tuple[str, str], dict[str, None]] = {}
    readers: dict[tuple[str, str], dict[str, None]] = {}
    needs: dict[str, PixelNeeds] = {}
    for edge, here, there in crossings(processes, edges):
        for pair in ((here, there), (there, here)):
            crossing.setdefault(pair, {}).update(dict.fromkeys(sources_at[edge.producer]))
        if here not in needs:
            needs[here] = PixelNeeds(processes, edges, looking, here)
        if needs[here].has(edge.consumer, there):
            readers.setdefault((here, there), {})[edge.consumer] = None
    return [
        Process(
            f"{here or HOME}>{there or HOME}",
            (),
            1,
            here,
            towards=there,
            carries=tuple(sources),
            looking=tuple(readers.get((here, there), ())),
        )
        for (here, there), sources in crossing.items()
    ]


class PixelNeeds:
    """Which stages need the pixels of packets that come from the machine `origin`.

    Those that look, and those from which a packet may reach one that looks before it is back at `origin`: there it gets
    its original picture again.

    Example:
        PixelNeeds(processes, edges, {"faces"}, "box").has("list", "gpu")
    """

    def __init__(
        self, processes: tuple[Process, ...], edges: tuple[Edge, ...], looking: frozenset[str], origin: str
    ) -> None:
        self._machines = {stage: process.machines for process in processes for stage in process.stages}
        self._out: dict[str, list[Edge]] = {}
        for edge in edges:
            self._out.setdefault(edge.producer, []).append(edge)
        self._looking = looking
        self._origin = origin
        self._known: dict[tuple[str, str], bool] = {}

    def has(self, stage: str, machine: str) -> bool:
        """Whether the stage needs them where it runs on `machine`."""
        key = stage, machine
        if key not in self._known:
            self._known[key] = stage in self._looking or any(
                self.has(edge.consumer, there)
                for edge in self._out.get(stage, ())
                for there in ((machine,) if edge.routing is Routing.LOCAL else self._machines[edge.consumer])
                if there != self._origin
            )
        return self._known[key]


def _edges(
    stages: tuple[StageSpec, ...], processes: tuple[Process, ...], sources_at: dict[str, tuple[str, ...]]
) -> tuple[Edge, ...]:
    home = {stage: process for process in processes for stage in process.stages}
    pairs = [(name, stage.name) for stage in stages for name in stage.inputs]
    joins = {
        stage.name
        for stage in stages
        if sum(len(sources_at[name]) for name in stage.inputs) > len(sources_at[stage.name])
    }
    # A process with a join and several inputs: the parts of a frame must all choose the same replica.
    ways_in: dict[str, int] = {}
    for producer, consumer in pairs:
        if home[producer] != home[consumer]:
            ways_in[home[consumer].name] = ways_in.get(home[consumer].name, 0) + 1
    by_seq = {
        process.name for process in processes if joins.intersection(process.stages) and ways_in.get(process.name, 0) > 1
    }

    def routing(producer: str, consumer: str) -> Routing:
        process = home[consumer]
        if home[producer] == process:
            return Routing.LOCAL
        if process.replicas == 1:
            return Routing.ONE
        return Routing.SEQ if process.name in by_seq else Routing.ASK

    return tuple(Edge(producer, consumer, routing(producer, consumer)) for producer, consumer in pairs)
