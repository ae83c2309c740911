"""The graph as text for Mermaid, which GitHub and many editors draw."""

from framewire.pipeline.graph.plan import Plan, Process
from framewire.pipeline.graph.spec import PipelineSpec, StageSpec

_SHAPES = {"source": ("([", "])"), "stage": ("[", "]"), "sink": ("[/", "/]")}


def mermaid(spec: PipelineSpec, plan: Plan) -> str:
    """A Mermaid flowchart: sources round, sinks slanted, stages sharing a process in a subgraph."""
    lines = ["flowchart LR"]
    for process in plan.processes:
        lines += _process(spec, process)
    lines += [f"    {edge.producer} --> {edge.consumer}" for edge in plan.edges]
    return "\n".join(lines) + "\n"


def _process(spec: PipelineSpec, process: Process) -> list[str]:
    nodes = [_node(spec.stage(name)) for name in process.stages]
    if len(nodes) == 1:
        return ["    " + nodes[0]]
    title = spec.stage(process.stages[0]).process
    return [f'    subgraph {title}["process {title}"]', *("        " + node for node in nodes), "    end"]


def _node(stage: StageSpec) -> str:
    left, right = _SHAPES[stage.kind]
    return f'{stage.name}{left}"{caption(stage)}"{right}'


def caption(stage: StageSpec) -> str:
    """`faces (face_detect) x 3`, as far as it applies."""
    use = f" ({stage.use})" if stage.use != stage.name else ""
    return stage.name + use + (f" x {stage.replicas}" if stage.replicas > 1 else "")
