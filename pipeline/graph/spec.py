"""A checked pipeline with every option filled in: what the supervisor hands to its workers."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from framewire.pipeline.flow.window import RING_BYTES_DEFAULT, WINDOW_DEFAULT

STUCK_AFTER_S = 30.0
"""Far more than any model takes for a batch, and less than anybody waits."""

DRAIN_S = 8.0
"""Container runtimes wait ten seconds before they kill."""

LEASE_S = 2.0
"""Long enough for a reconnection, short enough that nobody waits for a dead machine."""
NODE_WAIT_S = 60.0
"""A machine restarts in less."""


Engine = Literal["local", "agents", "ray"]
"""Who runs the stages."""

Near = Literal["first", "only", "any"]
"""Which replicas get a packet: those on its machine first, those alone, or whichever asks first."""

LinkPixels = Literal["raw", "jpeg"]
LinkSecurity = Literal["auto", "always"]
"""How pictures cross a link."""

HOME = "home"
"""The machine where the command runs; in a spec, a plan and a boot its name is empty."""

Lag = Literal["wait", "skip"]
"""What a sink does that cannot keep up."""


class BatchSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a batching stage gathers its frames."""

    size: Annotated[int, Meta(ge=1, le=256, description="Frames per call at most")] = 8
    wait_ms: Annotated[
        float, Meta(ge=0, le=1000, description="How long the first may wait for others; 0: take what is ready")
    ] = 0.0


class StageSpec(Struct, frozen=True, kw_only=True):
    """One stage: its name in this pipeline, its class by registry name or module:Class, its place in the graph."""

    name: str
    use: str
    inputs: tuple[str, ...] = ()
    replicas: int = 1
    process: str = ""
    options: dict[str, Any] = {}
    kind: str = "stage"
    """`source`, `stage` or `sink`."""
    ordered: bool = False
    batch: BatchSpec | None = None
    """None for stages that take one frame at a time."""
    lag: Lag = "wait"
    """Whether a sink that cannot keep up holds the stream, or skips frames."""
    give_up_s: float | None = None
    """Seconds that a sink may fail to write; None: those of a live stream for ever, others not at all."""
    stuck_after_s: float = STUCK_AFTER_S
    """Seconds after which a call to it counts as stuck; 0: never."""
    remembers: bool = False
    """Whether its memory outlives its process: see Stage.memory."""
    looks: bool = True
    """Whether it reads pictures: see Stage.looks."""
    hides: bool = False
    """Whether it hides parts of the picture: see Stage.hides."""
    closing_s: float = 0.0
    """Seconds that a sink may need to close beyond what all have: see Sink.closing_s."""
    is_guest: bool = False
    """Whether it runs in a process of somebody else's, which joins the run."""
    machine: str = ""
    """Where it runs; empty: where the command does."""
    shared_by: tuple[str, ...] = ()
    """The machines that share its replicas, `machine` first, if there are several."""
    near: Near = "first"
    """Whether a replica on the producer's machine is preferred."""
    gpus: float = 0.0
    """What each replica needs: a part of one GPU, or a whole number; 0: none is kept for it."""
    inputs_at: dict[str, str] = {}
    """Of a stage on another machine: where files and folders are that its options name, by what names them; absolute.

    In the run's own spec these are places at home, in a worker's those on its machine."""
    files: dict[str, str] = {}
    """Likewise where files are that it finds by their names: see Stage.files."""
    unfolded_from: str = ""
    """The stage in the file of which this is the copy for one machine; empty: it is no copy."""

    @property
    def given(self) -> str:
        """Its name in results, which say nothing of machines."""
        return self.unfolded_from or self.name


class NeedsSpec(Struct, frozen=True, kw_only=True):
    """What another machine must offer; `kind` is its name in the file, which several machines may share."""

    kind: str
    cpus: float = 1.0
    gpus: float = 0.0
    resources: dict[str, float] = {}


class LatencySpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How old a frame of a live source may be when it is settled."""

    target_ms: Annotated[float, Meta(gt=0, description="Target milliseconds from capture to the last sink")]


class RestartSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often a worker may be restarted before the run is given up: `limit` times within `within_s`."""

    limit: Annotated[int, Meta(ge=0, description="Restarts per worker before the run is given up")] = 10
    within_s: Annotated[float, Meta(gt=0, description="Seconds over which they are counted")] = 60.0

    @property
    def too_often(self) -> str:
        """What gives a run up, in words."""
        return f"{self.limit + 1} times within {self.within_s:g} s"


Durable = Literal["process", "disk"]
"""What a settled frame survives: the death of every process, or that of the machine."""


class LinksSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How packets travel between machines."""

    pixels: Annotated[
        LinkPixels,
        Meta(description="raw: as they are; jpeg: about a thirtieth of the bytes, almost the same picture"),
    ] = "raw"
    secure: Annotated[
        LinkSecurity, Meta(description="auto: what goes beyond this machine is encrypted; always: also what does not")
    ] = "auto"


class PipelineSpec(Struct, frozen=True, kw_only=True):
    """A whole pipeline. `folder` is where its file is: the user's own modules are looked up there."""

    name: str
    stages: tuple[StageSpec, ...]
    window: int = WINDOW_DEFAULT
    ring_bytes: int = RING_BYTES_DEFAULT
    restarts: RestartSpec = RestartSpec()
    max_failed: float = 0.1
    latency: LatencySpec | None = None
    durable: Durable = "process"
    drain_s: float = DRAIN_S
    """Seconds from the first signal to stop until the run is over."""
    folder: str = "."
    file: str = ""
    """The pipeline's file, absolute; what it would be, of a graph made in code."""
    outputs: tuple[str, ...] = ()
    """Files that sinks write, absolute; of a path with fields, a name for all that it may mean."""
    engine: Engine = "local"
    machines: tuple[str, ...] = ()
    """Other machines on which stages run."""
    needs: dict[str, NeedsSpec] = {}
    """For each other machine, what it must offer: whoever finds machines for this run looks for that."""
    lease_s: float = LEASE_S
    """Seconds for which an agent may go on without hearing from the run."""
    node_wait_s: float = NODE_WAIT_S
    """Seconds that the run waits for a machine."""
    links: LinksSpec = LinksSpec()
    outputs_on: dict[str, tuple[str, ...]] = {}
    """For each other machine, the files that sinks write there, as they are written in the file."""
    prints: bool = False
    """Whether a sink writes to standard output: nobody else may then."""

    def stage(self, name: str) -> StageSpec:
        """The stage of that name. Raises KeyError."""
        for spec in self.stages:
            if spec.name == name:
                return spec
        raise KeyError(name)
