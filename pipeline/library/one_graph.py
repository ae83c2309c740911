"""The stages of a pipeline in this process, for one picture at a time: no run, no other process."""

from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from framewire.pipeline.flow.join import merge
from framewire.pipeline.frame.packet import Packet
from framewire.pipeline.frame.ring import CopyingReader, Pixels
from framewire.pipeline.graph.plan import topological
from framewire.pipeline.graph.spec import PipelineSpec
from framewire.pipeline.guest.frame import Frame
from framewire.pipeline.registry import find_stage
from framewire.pipeline.stage import StageError
from framewire.pipeline.testing import StageRunner


class OneGraph(AbstractContextManager["OneGraph"]):
    """All stages of a pipeline between its source and its sinks, called with pictures.

    Close it, or use it in a `with`, to free what it holds. Stages with a memory, such as `track`, take the pictures for
    frames of one stream, 40 ms apart.
    """

    def __init__(self, spec: PipelineSpec) -> None:
        """Raises StageError for what cannot be opened, or if there is nothing between source and sinks."""
        ordered = topological(spec.stages)
        self._stages = [stage for stage in ordered if stage.kind == "stage"]
        self._ends = list(dict.fromkeys(name for stage in ordered if stage.kind == "sink" for name in stage.inputs))
        self._sources = [stage.name for stage in ordered if stage.kind == "source"]
        if not self._stages:
            raise StageError(f"{spec.name} has no stage between its source and its sinks")
        self._ends = self._ends or [self._stages[-1].name]
        with ExitStack() as opening:
            folder = opening.enter_context(TemporaryDirectory(prefix="framewire-"))
            self._runners = {
                stage.name: opening.enter_context(
                    StageRunner(find_stage(stage.use), stage.options, Path(folder), stage.name)
                )
                for stage in self._stages
            }
            self._open = opening.pop_all()
        self._reader = CopyingReader()

    def __call__(self, picture: Pixels) -> Frame:
        """What the sinks would get of a picture, uint8 (height, width, 3) BGR. Raises what a stage raises."""
        first = next(iter(self._runners.values())).packet(picture)
        answers: dict[str, Packet] = dict.fromkeys(self._sources, first)
        for stage in self._stages:
            given = self._merged(answers, stage.inputs)
            answers[stage.name] = self._runners[stage.name].process(given) if given.alive else given
        return Frame(self._merged(answers, self._ends), self._reader)

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free what it holds."""
        self._open.close()

    def _merged(self, answers: dict[str, Packet], names: tuple[str, ...] | list[str]) -> Packet:
        parts = [answers[name] for name in names]
        return parts[0] if len(parts) == 1 else merge(parts)
