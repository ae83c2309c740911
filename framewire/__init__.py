"""Real-time video analytics pipelines: the API of programs that run them, and of stage authors.

The links beside this file are the rooms of the repository: `pipeline/` is imported as `framewire.pipeline`, and so on.
A name below is loaded when it is first used, so `import framewire` costs next to nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from framewire.pipeline.document.config_error import ConfigError
    from framewire.pipeline.frame.packet import Attribute, Detection, Event, Packet
    from framewire.pipeline.frame.shot import Shot
    from framewire.pipeline.guest.feed import Feed, FeedEndedError
    from framewire.pipeline.guest.frame import Frame, PictureInUseError, PicturePassedError
    from framewire.pipeline.guest.frames import Frames
    from framewire.pipeline.guest.run_process import RunError
    from framewire.pipeline.library.api import frames, load, load_graph, run
    from framewire.pipeline.library.graph_in_code import Graph
    from framewire.pipeline.option import InputFile, InputFolder, InputPath, OutputPath, PrivateFile
    from framewire.pipeline.seen.summary import Summary
    from framewire.pipeline.stage import Sink, Source, Stage, StageError, stage
    from framewire.pipeline.testing import StageRunner
    from framewire.stages.publish.places.place import Message, NotNowError, Place

__all__ = [
    "Attribute",
    "ConfigError",
    "Detection",
    "Event",
    "Feed",
    "FeedEndedError",
    "Frame",
    "Frames",
    "Graph",
    "InputFile",
    "InputFolder",
    "InputPath",
    "Message",
    "NotNowError",
    "OutputPath",
    "Packet",
    "PictureInUseError",
    "PicturePassedError",
    "Place",
    "PrivateFile",
    "RunError",
    "Shot",
    "Sink",
    "Source",
    "Stage",
    "StageError",
    "StageRunner",
    "Summary",
    "frames",
    "load",
    "load_graph",
    "run",
    "stage",
]

_GUEST, _LIBRARY = "framewire.pipeline.guest", "framewire.pipeline.library"
_PACKET, _STAGE = "framewire.pipeline.frame.packet", "framewire.pipeline.stage"
_MODULE_OF = {
    **dict.fromkeys(("Attribute", "Detection", "Event", "Packet"), _PACKET),
    **dict.fromkeys(("Sink", "Source", "Stage", "StageError", "stage"), _STAGE),
    **dict.fromkeys(
        ("InputFile", "InputFolder", "InputPath", "OutputPath", "PrivateFile"), "framewire.pipeline.option"
    ),
    **dict.fromkeys(("Message", "NotNowError", "Place"), "framewire.stages.publish.places.place"),
    "Shot": "framewire.pipeline.frame.shot",
    "StageRunner": "framewire.pipeline.testing",
    "ConfigError": "framewire.pipeline.document.config_error",
    "Summary": "framewire.pipeline.seen.summary",
    **dict.fromkeys(("Frame", "PictureInUseError", "PicturePassedError"), f"{_GUEST}.frame"),
    **dict.fromkeys(("Feed", "FeedEndedError"), f"{_GUEST}.feed"),
    "Frames": f"{_GUEST}.frames",
    "Graph": f"{_LIBRARY}.graph_in_code",
    "RunError": f"{_GUEST}.run_process",
    **dict.fromkeys(("frames", "load", "load_graph", "run"), f"{_LIBRARY}.api"),
}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'framewire' has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULE_OF[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
