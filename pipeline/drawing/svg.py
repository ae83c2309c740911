"""The graph as SVG: columns by distance from the sources, a box per stage, a frame per shared process."""

from html import escape

from msgspec import Struct

from framewire.pipeline.drawing.mermaid import caption
from framewire.pipeline.graph.plan import Plan, topological
from framewire.pipeline.graph.spec import PipelineSpec

CHARACTER_W = 7.4
"""Width of a character in the font below, in pixels, rounded up."""
BOX_H = 40
GAP_X = 56
GAP_Y = 26
MARGIN = 24
FONT = "font-family='system-ui, sans-serif' font-size='13'"
FILLS = {"source": "#dbeafe", "stage": "#f1f5f9", "sink": "#dcfce7"}


class _Box(Struct, frozen=True):
    x: float
    y: float
    width: float

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def middle(self) -> float:
        return self.y + BOX_H / 2


def svg(spec: PipelineSpec, plan: Plan) -> str:
    """An SVG document of the graph."""
    boxes = _layout(spec, plan)
    width = max(box.right for box in boxes.values()) + MARGIN
    height = max(box.y for box in boxes.values()) + BOX_H + MARGIN
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{width:.0f}' height='{height:.0f}' "
        f"viewBox='0 0 {width:.0f} {height:.0f}'>",
        f"<title>{escape(spec.name)}</title>",
        "<rect width='100%' height='100%' fill='white'/>",
        *_frames(spec, plan, boxes),
        *(_edge(boxes[edge.producer], boxes[edge.consumer]) for edge in plan.edges),
    ]
    for stage in spec.stages:
        box = boxes[stage.name]
        parts.append(
            f"<rect x='{box.x:.1f}' y='{box.y:.1f}' width='{box.width:.1f}' height='{BOX_H}' rx='8' "
            f"fill='{FILLS[stage.kind]}' stroke='#475569'/>"
            f"<text x='{box.x + box.width / 2:.1f}' y='{box.middle + 4.5:.1f}' text-anchor='middle' {FONT} "
            f"fill='#0f172a'>{escape(caption(stage))}</text>"
        )
    return "\n".join([*parts, "</svg>"]) + "\n"


def _layout(spec: PipelineSpec, plan: Plan) -> dict[str, _Box]:
    column: dict[str, int] = {}
    for stage in topological(spec.stages):
        column[stage.name] = max((column[name] + 1 for name in stage.inputs), default=0)
    columns: list[list[str]] = [[] for _ in range(max(column.values()) + 1)]
    for stage in spec.stages:
        columns[column[stage.name]].append(stage.name)
    tallest = max(len(names) for names in columns)
    boxes: dict[str, _Box] = {}
    x = float(MARGIN)
    for names in columns:
        width = max(len(caption(spec.stage(name))) for name in names) * CHARACTER_W + 24
        top = MARGIN + (tallest - len(names)) * (BOX_H + GAP_Y) / 2
        for row, name in enumerate(names):
            boxes[name] = _Box(x, top + row * (BOX_H + GAP_Y), width)
        x += width + GAP_X
    return boxes


def _frames(spec: PipelineSpec, plan: Plan, boxes: dict[str, _Box]) -> list[str]:
    """A dashed frame around the stages of each shared process."""
    frames = []
    for process in plan.processes:
        if len(process.stages) < 2:
            continue
        inside = [boxes[name] for name in process.stages]
        left, top = min(box.x for box in inside) - 10, min(box.y for box in inside) - 10
        right, bottom = max(box.right for box in inside) + 10, max(box.y for box in inside) + BOX_H + 10
        frames.append(
            f"<rect x='{left:.1f}' y='{top:.1f}' width='{right - left:.1f}' height='{bottom - top:.1f}' rx='12' "
            "fill='none' stroke='#94a3b8' stroke-dasharray='5 4'/>"
            f"<title>process {escape(spec.stage(process.stages[0]).process)}</title>"
        )
    return frames


def _edge(start: _Box, end: _Box) -> str:
    bend = (end.x - start.right) / 2
    return (
        f"<path d='M {start.right:.1f} {start.middle:.1f} C {start.right + bend:.1f} {start.middle:.1f}, "
        f"{end.x - bend:.1f} {end.middle:.1f}, {end.x - 7:.1f} {end.middle:.1f}' fill='none' stroke='#475569'/>"
        f"<path d='M {end.x:.1f} {end.middle:.1f} l -8 -4 v 8 z' fill='#475569'/>"
    )
