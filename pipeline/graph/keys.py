"""The keys of a pipeline file that the engine itself reads."""

from typing import Annotated, Any

from msgspec import Meta, Struct

from framewire.pipeline.flow.window import RING_BYTES_DEFAULT, WINDOW_DEFAULT, WINDOW_MIN
from framewire.pipeline.graph.spec import (
    DRAIN_S,
    STUCK_AFTER_S,
    BatchSpec,
    Durable,
    Lag,
    LatencySpec,
    RestartSpec,
)

Name = Annotated[str, Meta(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}$")]


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
