"""A sink in its node, as a worker would have it, behind a source `s`."""

from pathlib import Path
from typing import Any, Literal, TypeVar

from framewire.pipeline.graph import PipelineSpec, StageSpec, make_plan
from framewire.pipeline.nodes.notes import Notes
from framewire.pipeline.nodes.sink_node import SinkNode
from framewire.pipeline.stage import Sink
from framewire.pipeline.stage_context import StageContext

S = TypeVar("S", bound=Sink[Any])
N = TypeVar("N", bound=SinkNode)


def sink_in(node: type[N], cls: type[S], incarnation: int = 0, lag: Literal["wait", "skip"] = "wait") -> tuple[N, S]:
    """The node and the sink in it, opened."""
    spec = StageSpec(name="sink", use="x", inputs=("s",), kind="sink", ordered=True, lag=lag)
    source = StageSpec(name="s", use="x", kind="source")
    context = StageContext("sink", Path("out"))
    made = cls(None, context)
    made.open()
    plan = make_plan(PipelineSpec(name="p", stages=(source, spec)))
    return node(spec, made, context, plan, Notes(), incarnation), made
