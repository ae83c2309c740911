"""Real-time video analytics pipelines: the API that stage authors write against.

The links beside this file are the rooms of the repository: `pipeline/` is imported as `framewire.pipeline`, and so on.
A name below is loaded when it is first used, so `import framewire` costs next to nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from framewire.pipeline.frame.packet import Attribute, Detection, Event, Packet
    from framewire.pipeline.option import InputFile, InputFolder, InputPath, OutputPath
    from framewire.pipeline.stage import Shot, Sink, Source, Stage, StageError, stage
    from framewire.pipeline.testing import StageRunner

__all__ = [
    "Attribute",
    "Detection",
    "Event",
    "InputFile",
    "InputFolder",
    "InputPath",
    "OutputPath",
    "Packet",
    "Shot",
    "Sink",
    "Source",
    "Stage",
    "StageError",
    "StageRunner",
    "stage",
]

_PACKET, _STAGE = "framewire.pipeline.frame.packet", "framewire.pipeline.stage"
_MODULE_OF = {
    **dict.fromkeys(("Attribute", "Detection", "Event", "Packet"), _PACKET),
    **dict.fromkeys(("Shot", "Sink", "Source", "Stage", "StageError", "stage"), _STAGE),
    **dict.fromkeys(("InputFile", "InputFolder", "InputPath", "OutputPath"), "framewire.pipeline.option"),
    "StageRunner": "framewire.pipeline.testing",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'framewire' has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULE_OF[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
