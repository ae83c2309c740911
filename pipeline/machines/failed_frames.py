"""Frames that kept crashing a stage on another machine, brought home: OUT/failed has them, as if of a stage here."""

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from framewire.pipeline.frame.failed_frame import FailedFrame, NotAFailedFrameError, load, write
from framewire.pipeline.graph.spec import PipelineSpec, StageSpec
from framewire.pipeline.input_path import placed
from framewire.pipeline.line.fetch import Fetch, FetchError
from framewire.pipeline.line.lent_file import FileName
from framewire.pipeline.line.said import (
    FRAMES_WAITING_MAX,
    FileAsked,
    FilePart,
    FileRefused,
    FrameDone,
    FrameOffered,
)
from framewire.pipeline.registry import find_stage
from framewire.pipeline.unfinished import FOLDER

FOLDER_OF_PARTS = "frames"
"""In the folder of the engine's own files: frames on their way."""
BYTES_MAX = 2**30
"""Of all failed frames of one machine in one run: the rest stays there."""
LEVEL = logging.WARNING

log = logging.getLogger("framewire")


class _Waiting(Struct, frozen=True):
    offer: FrameOffered
    fetch: Fetch


class FailedFrames:
    """Those of one machine. What it says of a frame is not taken on trust: names, classes and options are the run's.

    Example:
        for answer in frames.offered(offer, now): ...      # to be said to its agent; likewise those of `took`
        frames.is_busy                                     # some are on their way
        frames.lost("its agent is gone")
    """

    def __init__(self, spec: PipelineSpec, machine: str, out: Path) -> None:
        """`out` is the run's own output folder."""
        self._machine = machine
        self._out = out
        self._stages = {stage.name: stage for stage in spec.stages if machine in (stage.machine, *stage.shared_by)}
        self._folder = spec.folder
        self._hides = any(stage.hides for stage in spec.stages)
        self._parts = out / FOLDER / FOLDER_OF_PARTS / machine
        self._waiting: list[_Waiting] = []
        self._bytes = 0

    @property
    def is_busy(self) -> bool:
        """Whether any is on its way."""
        return bool(self._waiting)

    def offered(self, offer: FrameOffered, now: float) -> Iterator[FileAsked | FrameDone]:
        """A frame may be had: what to say to the agent."""
        if any(one.offer.sha256 == offer.sha256 for one in self._waiting):
            return
        self._bytes += offer.size
        why = ""
        if offer.stage not in self._stages:
            why = f"no stage {offer.stage!r} runs there"
        elif len(self._waiting) >= FRAMES_WAITING_MAX or self._bytes > BYTES_MAX:
            why = "there are too many"
        if why:
            self._stays(offer, why)
            yield FrameDone(offer.sha256)
            return
        self._waiting.append(_Waiting(offer, Fetch(self._parts, offer.sha256, offer.size, "frame")))
        if len(self._waiting) == 1:
            yield from self._next(now)

    def took(self, answer: FilePart | FileRefused, now: float) -> Iterator[FileAsked | FrameDone]:
        """A part has come, or none will: what to say to the agent."""
        if not self._waiting or self._waiting[0].offer.sha256 != answer.sha256:
            return
        offer, fetch = self._waiting[0].offer, self._waiting[0].fetch
        try:
            if isinstance(answer, FileRefused):
                raise FetchError(answer.text)
            if not fetch.took(answer, now):
                return
            if not fetch.is_whole:
                yield fetch.ask(now)
                return
            self._keep(offer, fetch.path)
        except (FetchError, NotAFailedFrameError, OSError) as error:
            self._stays(offer, str(error))
        self._forget(fetch)
        yield FrameDone(offer.sha256)
        yield from self._next(now)

    def lost(self, why: str) -> None:
        """Nothing more will come of what is on its way."""
        for one in self._waiting:
            self._stays(one.offer, why)
        self._waiting.clear()
        shutil.rmtree(self._parts, ignore_errors=True)

    def _next(self, now: float) -> Iterator[FileAsked | FrameDone]:
        """Ask for the first that waits and can be had."""
        while self._waiting:
            offer, fetch = self._waiting[0].offer, self._waiting[0].fetch
            try:
                for _ in fetch.begin():
                    continue
            except (FetchError, OSError) as error:
                self._stays(offer, str(error))
                self._forget(fetch)
                yield FrameDone(offer.sha256)
                continue
            yield fetch.ask(now)
            return

    def _forget(self, fetch: Fetch) -> None:
        self._waiting.pop(0)
        fetch.drop()
        shutil.rmtree(fetch.path.parent, ignore_errors=True)

    def _keep(self, offer: FrameOffered, path: Path) -> None:
        """Save it as this run's. Raises NotAFailedFrameError, OSError."""
        frame = self._as_ours(load(path), self._stages[offer.stage])
        kept = write(self._out, frame)
        where = {"worker": offer.worker, "stage": offer.stage, "stream": frame.packet.stream}
        seq, stream = frame.packet.seq, frame.packet.stream
        log.log(LEVEL, "%s: frame %d of %s saved to %s", offer.stage, seq, stream, kept, extra=where)

    def _as_ours(self, frame: FailedFrame, stage: StageSpec) -> FailedFrame:
        """With the class, the options and the modules of this run; those of the other machine mean nothing here."""
        options = placed(find_stage(stage.use).Options, stage.options, stage.inputs_at)
        pictures = {} if self._hides else frame.pictures
        ours = FailedFrame(stage.name, stage.use, options, self._folder, frame.packet, pictures)
        try:
            msgspec.convert(ours.file_name, FileName)
        except msgspec.ValidationError as error:
            raise NotAFailedFrameError(f"its stream cannot be called {frame.packet.stream!r}") from error
        if frame.stage != stage.name or frame.packet.pictures or not all(one.is_whole for one in pictures.values()):
            raise NotAFailedFrameError("it is not a frame of this stage")
        return ours

    def _stays(self, offer: FrameOffered, why: str) -> None:
        where = {"worker": offer.worker, "stage": offer.stage, "stream": ""}
        log.log(LEVEL, "%s: %s, on %s (%s)", offer.stage, offer.text, self._machine, why, extra=where)
