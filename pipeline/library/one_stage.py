"""One stage in this process, for one picture at a time: no run, no other process."""

from contextlib import AbstractContextManager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from framewire.pipeline.frame.packet import Detection
from framewire.pipeline.frame.ring import Pixels
from framewire.pipeline.registry import find_stage
from framewire.pipeline.stage import Sink, Source
from framewire.pipeline.testing import StageRunner


class OneStage(AbstractContextManager["OneStage"]):
    """A stage that is called with pictures. Close it, or use it in a `with`, to free what it holds.

    A stage with a memory, such as `track`, takes the pictures for frames of one stream, 40 ms apart.
    """

    def __init__(self, use: str, options: dict[str, Any]) -> None:
        """Raises UnknownStageError, OptionError; StageError for what it cannot open."""
        cls = find_stage(use)
        if issubclass(cls, Source | Sink):
            raise TypeError(f"{use} is a {cls.kind()}; load a stage that takes a picture and finds something in it")
        self._folder = TemporaryDirectory(prefix="framewire-")
        self._runner = StageRunner(cls, options, Path(self._folder.name), use)
        self._runner.__enter__()

    def __call__(self, picture: Pixels, detections: tuple[Detection, ...] = ()) -> tuple[Detection, ...]:
        """What it finds in a picture, uint8 (height, width, 3) BGR, beside what was found before.

        Raises what the stage raises.
        """
        packet = self._runner.packet(picture).plus(detections)
        return self._runner.process(packet).detections

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free what it holds."""
        self._runner.__exit__(None, None, None)
        self._folder.cleanup()
