"""One stage alone, in this process, without sockets: for testing stages, and for replaying failed frames."""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
import numpy as np

from framewire.pipeline.frame.failed_frame import FailedFrame
from framewire.pipeline.frame.packet import FRAME, Packet, PictureRef, number_detections
from framewire.pipeline.frame.ring import PictureLostError, Pixels
from framewire.pipeline.frame.shot import Shot
from framewire.pipeline.option import check_values
from framewire.pipeline.registry import find_stage
from framewire.pipeline.stage import Sink, Source, Stage
from framewire.pipeline.stage_context import StageContext
from framewire.pipeline.user_modules import look_beside

WINDOW = 8
"""Window of a runner's stream."""


class StageRunner:
    """Runs one stage on pictures. Its exceptions propagate unchanged.

    Example:
        with StageRunner(BlurFaces, {"strength": 9}) as runner:
            answer = runner.process(runner.packet(picture).plus([Detection(label="face", box=(10, 10, 50, 50))]))
            blurred = runner.picture(answer)
    """

    def __init__(
        self,
        stage: type[Stage[Any]],
        options: dict[str, Any] | None = None,
        out: Path = Path("out"),
        name: str = "",
        resumed: bool = False,
        killed: bool = False,
    ) -> None:
        """Make the stage as the engine would. Raises OptionError.

        With `killed` it ends as a killed worker does, without closing anything; one with `resumed` continues for it.
        """
        self._killed = killed
        self.context = StageContext(name or stage.name, out, resumed)
        self.stage = stage(check_values(stage.Options, options or {}), self.context)
        if isinstance(self.stage, Source):
            self.stage.wake = lambda: None
        self._own = StageContext("runner", out)
        self._seq = 0

    def __enter__(self) -> Self:
        self.stage.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._killed:
            return
        self.stage.close()
        if kind is None and isinstance(self.stage, Sink):
            self.context.unfinished.complete()
            self._clear()
        self.context.close()
        self._own.close()

    def _clear(self) -> None:
        """Remove what the engine would have removed at the end of the run."""
        folder = self.context.state_file("").parent
        for path in folder.glob(f"{self.context.name}.*"):
            path.unlink()
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()

    def packet(self, picture: Pixels, seq: int | None = None, stream: str = "stream") -> Packet:
        """A packet of the next frame with this picture, uint8 (height, width, 3) BGR, 40 ms after the last one."""
        height, width = picture.shape[:2]
        number = self._seq if seq is None else seq
        self._seq = number + 1
        bare = Packet(
            source="runner",
            stream=stream,
            seq=number,
            window=WINDOW,
            mark=max(0, number - WINDOW + 1),
            pts=40 * number,
            rate=(25, 1),
            width=width,
            height=height,
        )
        return bare.with_picture(self._place(bare, FRAME, picture))

    def process(self, packet: Packet) -> Packet:
        """The stage's answer, its detections numbered."""
        answer = self.stage.process(packet)
        self.context.finish_pictures()
        return number_detections(answer, self.context.name)

    def write(self, packet: Packet) -> int:
        """Give a sink its next frame; returns its mark."""
        assert isinstance(self.stage, Sink)
        return self.stage.write(packet)

    def end(self, packet: Packet) -> None:
        """Tell a sink that this packet was the last of its stream."""
        assert isinstance(self.stage, Sink)
        self.stage.end(msgspec.structs.replace(packet, seq=packet.seq + 1, end=True, pictures={}, detections=()))

    def shots(self, start: int = 0) -> Iterator[tuple[Shot, Pixels | None]]:
        """The frames of a source from number `start` on: the shot, and a copy of its picture."""
        assert isinstance(self.stage, Source)
        place: list[Pixels] = []

        def slot(height: int, width: int) -> Pixels:
            place[:] = [np.empty((height, width, 3), np.uint8)]
            return place[0]

        self.stage.slot = slot
        self.stage.describe = _describe
        for shot in self.stage.frames(start):
            yield shot, place.pop() if place else None

    def picture(self, packet: Packet, name: str = FRAME) -> Pixels:
        """A copy of the packet's picture."""
        return np.array(self.context.reader.view(packet.pictures[name]))

    def place(self, packet: Packet, pictures: dict[str, Pixels]) -> Packet:
        """The packet with these pictures."""
        for name, pixels in pictures.items():
            packet = packet.with_picture(self._place(packet, name, pixels), name)
        return packet

    def _place(self, packet: Packet, name: str, picture: Pixels) -> PictureRef:
        height, width = picture.shape[:2]
        channels = picture.shape[2] if picture.ndim == 3 else 1
        pixels, ref = self._own.begin_picture(packet, name, height, width, channels)
        pixels[...] = picture
        self._own.finish_pictures()
        return ref


def replay(frame: FailedFrame) -> Packet:
    """Run a saved frame through its stage; returns the answer. Sinks write to the folder `replay`.

    Raises PictureLostError for one that was saved without its pictures.
    """
    look_beside(frame.folder)
    cls = find_stage(frame.use)
    if cls.looks and not frame.pictures:
        raise PictureLostError("this frame was kept without its pixels, since its pipeline hides parts of them")
    with StageRunner(cls, frame.options, Path("replay"), frame.stage) as runner:
        packet = runner.place(frame.packet, {name: picture.array() for name, picture in frame.pictures.items()})
        if isinstance(runner.stage, Sink):
            runner.write(packet)
            return packet
        return runner.process(packet)


def _describe(
    description: str, height: int, width: int, expected: int | None = None, rate: float | None = None
) -> None:
    """A runner ignores what a source says about its stream."""
