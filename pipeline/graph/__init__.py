"""What the YAML says, checked: stages, edges, options; every error with file, line, column and a cure."""

from pipeline.graph.check import load_pipeline
from pipeline.graph.config_error import ConfigError
from pipeline.graph.plan import Edge, Plan, Process, Routing, make_plan
from pipeline.graph.spec import PipelineSpec, RestartSpec, StageSpec

__all__ = [
    "ConfigError",
    "Edge",
    "PipelineSpec",
    "Plan",
    "Process",
    "RestartSpec",
    "Routing",
    "StageSpec",
    "load_pipeline",
    "make_plan",
]
