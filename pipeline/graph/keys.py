"""The keys of a pipeline file that the engine itself reads."""

from typing import Annotated, Any

from msgspec import Meta, Struct

from framewire.pipeline.flow.window import RING_BYTES_DEFAULT, WINDOW_DEFAULT, WINDOW_MIN
from framewire.pipeline.graph.spec import (
    DRAIN_S,
    LEASE_S,
    NODE_WAIT_S,
    STUCK_AFTER_S,
    BatchSpec,
    Durable,
    Engine,
    Lag,
    LatencySpec,
    LinksSpec,
    Near,
    RestartSpec,
)

MACHINES_MAX = 256
"""Of one name: more than one run keeps the books of."""
GPUS_MAX = 64
"""Of one replica: more than any machine has."""
Name = Annotated[str, Meta(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}$")]


class MachineKeys(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A machine that a stage may run on."""

    here: Annotated[bool, Meta(description="Whether it is the machine where the command runs")] = False
    count: Annotated[
        int, Meta(ge=1, le=MACHINES_MAX, description="How many such machines: of 2, `gpu` means gpu-0 and gpu-1")
    ] = 1
    cpus: Annotated[
        Annotated[float, Meta(ge=0)] | None,
        Meta(description="With engine ray: CPUs that it must have free, and that are booked; default: 1"),
    ] = None
    gpus: Annotated[float, Meta(ge=0, description="With engine ray: GPUs that it must have free; may be a part")] = 0.0
    resources: Annotated[
        dict[str, Annotated[float, Meta(gt=0)]],
        Meta(description="With engine ray: what else it must offer, as its node was told: {camera: 1}"),
    ] = {}


class DealtOut(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Machines to which the streams of a source are dealt out, one after the other, with all that reads them."""

    streams: Annotated[list[str], Meta(min_length=1, description="Machines that share the streams, whole ones")]


class PipelineKeys(Struct, frozen=True, kw_only=True):
    """The top-level keys of a pipeline file, except `stages`."""

    name: Annotated[Name, Meta(description="Name in logs, metrics and process titles; default: the file's name")] = ""
    window: Annotated[
        int,
        Meta(
            ge=WINDOW_MIN,
            le=1024,
            description="Unsettled frames per stream: limits memory, and how late the newest may be",
        ),
    ] = WINDOW_DEFAULT
    ring_mb: Annotated[
        int, Meta(ge=1, description="Memory of one ring in MiB: large pictures get a smaller window")
    ] = RING_BYTES_DEFAULT // 2**20
    restarts: Annotated[
        RestartSpec, Meta(description="limit: restarts of one worker allowed within within_s seconds")
    ] = RestartSpec()
    max_failed: Annotated[
        float,
        Meta(ge=0, le=1, description="Share of frames that may fail before the run counts as failed (exit 1)"),
    ] = 0.1
    latency: Annotated[
        LatencySpec | None,
        Meta(description="target_ms: live sources choose their window so that no frame takes longer"),
    ] = None
    durable: Annotated[
        Durable,
        Meta(description="What a settled frame survives: process, the death of every process; disk, also a power cut"),
    ] = "process"
    drain_s: Annotated[
        float,
        Meta(gt=0, le=3600, description="Seconds after Ctrl-C or SIGTERM by which the run is over, its files whole"),
    ] = DRAIN_S
    engine: Annotated[
        Engine,
        Meta(
            description="Who runs the stages: local, this machine; agents, those that `framewire node` starts; "
            "ray, agents that Ray starts"
        ),
    ] = "local"
    machines: Annotated[
        dict[str, MachineKeys],
        Meta(description="Machines by name, on which stages may run: there is, or Ray starts, an agent on each"),
    ] = {}
    lease_s: Annotated[
        float,
        Meta(ge=0.5, le=60, description="Seconds for which an agent may go on without hearing from the run"),
    ] = LEASE_S
    node_wait_s: Annotated[
        float,
        Meta(ge=0, le=86400, description="Seconds that the run waits for a machine that is not there, or no longer"),
    ] = NODE_WAIT_S
    links: Annotated[LinksSpec, Meta(description="pixels: how pictures cross from machine to machine")] = LinksSpec()


class StageKeys(Struct, frozen=True, kw_only=True):
    """The keys of a stage that the engine reads; the others are the stage's options."""

    use: Annotated[str, Meta(description="Stage name, or your own module:Class; default: the key itself")] = ""
    input: Annotated[str | list[str], Meta(description="The stage, or stages, that this one reads")] = []
    replicas: Annotated[int, Meta(ge=1, le=256, description="Processes that share the work")] = 1
    sources: Annotated[
        dict[str, str | dict[str, Any]],
        Meta(description="Instead of one `source`: several streams by name, each an address or its own options"),
    ] = {}
    process: Annotated[str, Meta(description="Stages with the same name here share one process")] = ""
    on: Annotated[
        str | DealtOut,
        Meta(description="The machine it runs on; of a source also {streams: [...]}: machines that share its streams"),
    ] = ""
    near: Annotated[
        Near,
        Meta(description="Replicas on several machines: first, those where the frame is are preferred; only; any"),
    ] = "first"
    gpus: Annotated[
        float,
        Meta(ge=0, le=GPUS_MAX, description="GPUs of each replica: a part of one, or a whole number; 0: all are seen"),
    ] = 0.0
    batch: Annotated[
        BatchSpec | None, Meta(description="{size, wait_ms}: frames per call, and how long to wait for them")
    ] = None
    lag: Annotated[
        Lag, Meta(description="A sink that cannot keep up: wait, the stream waits for it; skip, it skips frames")
    ] = "wait"
    give_up_s: Annotated[
        Annotated[float, Meta(ge=0)] | None,
        Meta(description="Seconds that a sink tries again to write; default: live streams for ever, others not at all"),
    ] = None
    stuck_after_s: Annotated[
        float,
        Meta(ge=0, description="Seconds on one frame after which its worker is killed and the frame failed; 0: never"),
    ] = STUCK_AFTER_S
