"""heatmap: adds up where people stand, by seconds, and writes it as a picture and as numbers."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import msgspec
import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

from framewire.pipeline.disk import replace_file
from framewire.pipeline.frame.packet import Packet
from framewire.pipeline.option import Labels, OutputPath, labels_of
from framewire.pipeline.stage import Sink, StageError, stage
from framewire.stages.count.geometry import Anchor
from framewire.stages.heatmap.heat import PAUSE_S, Heat, as_npz, as_png, cell_of
from framewire.stages.picture_names import PictureNames

STATE = "heat-"


class HeatmapOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of whom, how fine, and where to."""

    path: Annotated[
        OutputPath,
        Meta(description="The picture, relative to the output folder, .png; the numbers lie beside it, as .npz"),
    ] = "{stream}-heat.png"
    of: Annotated[Labels, Meta(description="Label of the detections that count, or a list of labels")] = "face"
    anchor: Annotated[
        Anchor, Meta(description="Which point of a box counts: its middle, or the middle of its lower edge")
    ] = "middle"
    columns: Annotated[int, Meta(ge=1, le=1000, description="Cells across the picture")] = 64
    every_s: Annotated[
        float, Meta(ge=0, description="Rewrite the files every so many seconds of the stream; 0: only at its end")
    ] = 60


class _AtStream(Struct):
    heat: Heat
    grid: NDArray[np.float64]
    safe: int
    """Every frame below is in the state on disk."""
    written_at: float


@stage("heatmap")
class Heatmap(Sink[HeatmapOptions]):
    """Write where people stand: for each cell the seconds that somebody was in it, as numbers (.npz) and a picture.

    Two people count twice. The picture is of the stream's size and transparent, to be laid over one of the place. A
    stream that comes from a camera writes both once a minute. An earlier run's files are replaced.

    Example:
        heat: {use: heatmap, input: tracks, of: person, anchor: foot}
    """

    Options = HeatmapOptions
    looks = False

    def open(self) -> None:
        """Check the name; forget what an earlier run has left."""
        self._streams: dict[str, _AtStream] = {}
        self._labels = labels_of(self.options.of)
        try:
            self._names = PictureNames(self.options.path)
            self._path("stream")
        except (KeyError, IndexError, ValueError) as error:
            raise StageError(
                f"the path {self.options.path!r} cannot be filled in: {error}; it takes {{stream}}"
            ) from error
        if self._names.suffix != ".png":
            raise StageError(f"{self.options.path}: the picture is a .png")
        if not self.context.resumed:
            for path in self._state("x").parent.glob(f"{self.context.name}.{STATE}*"):
                path.unlink()

    @classmethod
    def outputs(cls, options: HeatmapOptions) -> Sequence[str]:
        """The numbers; see Stage."""
        return (str(Path(options.path).with_suffix(".npz")),)

    def write(self, packet: Packet) -> int:
        """Add a frame; the state goes to disk a few times per window."""
        at = self._streams.get(packet.stream)
        if at is None or (not at.heat.width and packet.width):
            at = self._streams[packet.stream] = self._begun(packet)
        heat = at.heat
        if packet.seq < heat.mark:
            return min(at.safe, packet.seq + 1)
        if packet.alive:
            self._add(at, packet)
        heat.mark = packet.seq + 1
        if heat.mark - at.safe >= max(1, packet.window // 4):
            self._save(packet.stream, at)
        if self.options.every_s and packet.alive and packet.time - at.written_at >= self.options.every_s:
            self._write_files(packet.stream, at)
            at.written_at = packet.time
        return at.safe

    def settle(self, packet: Packet) -> int | None:
        """Write the state; see Sink."""
        at = self._streams.get(packet.stream)
        if at is None:
            return None
        self._save(packet.stream, at)
        return at.safe

    def end(self, packet: Packet) -> None:
        """Write both files."""
        at = self._streams.get(packet.stream)
        if at is not None and at.heat.width:
            self._save(packet.stream, at)
            self._write_files(packet.stream, at)

    def resume(self, stream: str, mark: int) -> None:
        """Go on with what the disk has: frames that are in it already are not added again."""
        self._streams.pop(stream, None)
        with contextlib.suppress(FileNotFoundError):
            heat = msgspec.msgpack.decode(self._state(stream).read_bytes(), type=Heat)
            self._streams[stream] = _AtStream(heat, heat.grid(), heat.mark, heat.seen or 0.0)

    def _begun(self, packet: Packet) -> _AtStream:
        columns = self.options.columns
        rows = max(1, round(columns * packet.height / max(1, packet.width)))
        heat = Heat(columns, rows, packet.width, packet.height, mark=packet.seq)
        known = self._streams.get(packet.stream)
        return _AtStream(heat, heat.grid(), known.safe if known else packet.seq, packet.time)

    def _add(self, at: _AtStream, packet: Packet) -> None:
        heat = at.heat
        # Of another size, it is still the same place.
        heat.width, heat.height = packet.width, packet.height
        seconds = 0.0 if heat.seen is None else min(PAUSE_S, max(0.0, packet.time - heat.seen))
        heat.seen = packet.time
        heat.frames += 1
        for one in packet.labelled(*self._labels):
            at.grid[cell_of(one, heat, self.options.anchor)] += seconds

    def _save(self, stream: str, at: _AtStream) -> None:
        at.heat.seconds = at.grid.tobytes()
        path = self._state(stream)
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, msgspec.msgpack.encode(at.heat), self.context.to_disk)
        at.safe = at.heat.mark

    def _write_files(self, stream: str, at: _AtStream) -> None:
        path = self._path(stream)
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, as_png(at.heat, at.grid), self.context.to_disk)
        replace_file(path.with_suffix(".npz"), as_npz(at.heat, at.grid, self._labels), self.context.to_disk)

    def _path(self, stream: str) -> Path:
        return Path(self.context.out, self._names.path({"stream": stream}))

    def _state(self, stream: str) -> Path:
        return self.context.state_file(f"{STATE}{quote(stream, safe='')}")
