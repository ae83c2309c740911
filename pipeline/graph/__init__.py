"""The checked YAML file: stages, edges, options; every error with file, line, column and a fix."""

from framewire.pipeline.document.config_error import ConfigError
from framewire.pipeline.graph.check import load_pipeline
from framewire.pipeline.graph.plan import Edge, Plan, Process, Routing, make_plan
from framewire.pipeline.graph.spec import PipelineSpec, RestartSpec, StageSpec

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
