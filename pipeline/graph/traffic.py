"""Which stages run on which machine, and the bytes a second that each link would have to carry."""

from collections.abc import Mapping

from msgspec import Struct

from framewire.pipeline.graph.plan import crossings, make_plan
from framewire.pipeline.graph.spec import HOME, PipelineSpec

BYTES_A_PIXEL = 3
"""Of a colour picture as it is: blue, green, red."""
JPEG_SHARE = 1 / 25
"""At most, of the bytes of a raw picture: 67 and 107 kB of 2.76 MB were measured (1280x720, quality 90)."""
GIGABIT = 118e6
"""Bytes a second that TCP gets through one gigabit of Ethernet: 949 Mbit/s, by its headers and gaps."""
FPS = 30.0
"""What is assumed of a source whose rate nobody knows."""
ASSUMED = 1280, 720
"""And its width and height."""
MEGA = 1e6


class Load(Struct, frozen=True):
    """What a direction of a link may have to carry, in bytes a second; `is_much` is more than a gigabit takes."""

    link: str
    bytes_s: float
    text: str

    @property
    def is_much(self) -> bool:
        """Whether one gigabit of Ethernet is too little."""
        return self.bytes_s > GIGABIT


def stages_on(spec: PipelineSpec) -> dict[str, list[str]]:
    """The stages that each machine runs, home first; empty if there is but one."""
    if not spec.machines:
        return {}
    plan = make_plan(spec)
    found: dict[str, list[str]] = {HOME: [], **{machine: [] for machine in spec.machines}}
    for stage in spec.stages:
        for machine in plan.process_of(stage.name).machines:
            found[machine or HOME].append(stage.name)
    return found


def loads(spec: PipelineSpec, sizes: Mapping[str, tuple[int, int]]) -> list[Load]:
    """What each direction of each link carries at most; `sizes` are widths and heights of sources, as far as known.

    A picture crosses a link once, however many stages read it there, only if one does, and none goes back to where it
    was captured. A stage that draws makes a picture of its own, which no plan can know of: it counts as one of the
    source's wherever packets cross behind another machine.
    """
    plan = make_plan(spec)
    looking = {(one.machine, one.towards): one.looking for one in plan.processes}
    crossing: dict[tuple[str, str], dict[str, None]] = {}
    for source in plan.sinks_of:
        (origin, *_) = plan.process_of(source).machines
        for edge, here, there in crossings(plan.processes, plan.edges):
            if source in plan.sources_at[edge.producer]:
                is_seen = there != origin and edge.consumer in looking[here, there]
                crossing.setdefault((here or HOME, there or HOME), {}).update({source: None} if is_seen else {})
    share = JPEG_SHARE if spec.links.pixels == "jpeg" else 1.0
    return [_load(f"{here}>{there}", list(sources), sizes, share) for (here, there), sources in crossing.items()]


def _load(link: str, sources: list[str], sizes: Mapping[str, tuple[int, int]], share: float) -> Load:
    if not sources:
        return Load(link, 0.0, "no pictures, a kilobyte a frame or so")
    parts = []
    total = 0.0
    for source in sources:
        width, height = sizes.get(source, ASSUMED)
        bytes_s = width * height * BYTES_A_PIXEL * share * FPS
        total += bytes_s
        parts.append(f"{source}, {width}x{height}{'' if source in sizes else ' assumed'}")
    return Load(link, total, f"up to {total / MEGA:.0f} MB/s at {FPS:.0f} frames a second ({'; '.join(parts)})")
