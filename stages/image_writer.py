"""image_writer: saves detections, or whole frames, as picture files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import cv2
from msgspec import Meta, Struct

from framewire.models.crops.face_crop import BoxCrop
from framewire.pipeline.disk import replace_file
from framewire.pipeline.frame.packet import Detection, Packet
from framewire.pipeline.frame.ring import Pixels
from framewire.pipeline.option import Labels, OutputPath, labels_of
from framewire.pipeline.stage import Sink, StageError, stage
from framewire.stages.parts.output_folder import OutputFolder
from framewire.stages.parts.rotation import Existing, refusal
from framewire.stages.picture_names import PictureNames

WHOLE_FRAME = "frame"
"""Value of `of` for whole pictures."""
RUN = "run"
"""Under this name the number of the run that writes is kept with the run."""


class ImageWriterOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to write, and where."""

    path: Annotated[
        OutputPath,
        Meta(
            description="The files, relative to the output folder, .jpg or .png; "
            "{stream}, {seq}, {id}, {label} and {track} are filled in"
        ),
    ] = "faces/{stream}-{seq:08d}-{id}.jpg"
    of: Annotated[
        Labels, Meta(description="Label of the detections to crop, or a list of labels; frame: whole pictures")
    ] = "face"
    every: Annotated[int, Meta(ge=1, description="Use only every n-th frame")] = 1
    where: Annotated[
        dict[str, str], Meta(description="{emotion: happy}: only detections with all these attributes")
    ] = {}
    min_size: Annotated[int, Meta(ge=0, description="Minimum side of a detection, in frame pixels")] = 0
    margin: Annotated[float, Meta(ge=0, le=2, description="Added on each side, as a share of the box")] = 0.2
    quality: Annotated[int, Meta(ge=1, le=100, description="Of .jpg")] = 90
    keep: Annotated[
        int, Meta(ge=0, description="Keep this many newest files, including those of earlier runs; 0: all")
    ] = 0
    existing: Annotated[
        Existing,
        Meta(
            description="If there are an earlier run's files: replace those of the same name; add `-run2` to the names "
            "(always for a live stream); or refuse to start"
        ),
    ] = "replace"


@stage("image_writer")
class ImageWriter(Sink[ImageWriterOptions]):
    """Write the picture inside each matching detection, or the whole picture of each frame that has one.

    Names come from the frames, so a frame that is resent after a crash writes the same file again. A live stream never
    replaces an earlier run's files. These are pictures of people: see docs/responsible-use.md before you keep them.

    Example:
        smiles: {use: image_writer, input: people, where: {emotion: happy}, keep: 1000}
    """

    Options = ImageWriterOptions

    may_skip = True
    tuning = frozenset({"existing", "keep"})

    def open(self) -> None:
        """Check the name template and the file type; find what earlier runs, or workers, have written."""
        self._crop = BoxCrop(margin=self.options.margin)
        self._run = 1
        try:
            self._names = PictureNames(self.options.path)
            example = self._path(
                Packet(source="s", stream="s", seq=0, window=4), Detection(label="x", box=(0, 0, 1, 1))
            )
        except (KeyError, IndexError, ValueError) as error:
            raise StageError(f"the path {self.options.path!r} cannot be filled in: {error}") from error
        self._labels = labels_of(self.options.of)
        if WHOLE_FRAME in self._labels and len(self._labels) > 1:
            raise StageError(f"`of: {WHOLE_FRAME}` takes no other labels; write crops with another image_writer")
        if not cv2.haveImageWriter(str(example)):
            raise StageError(f"{self.options.path}: {example.suffix or 'no suffix'} is invalid; use .jpg or .png")
        try:
            self._find_earlier()
        except OSError as error:
            where = error.filename or self.options.path
            raise StageError(f"{where} cannot be written: {error.strerror}") from error

    def _find_earlier(self) -> None:
        folder = Path(self.context.out, self._names.fixed_folder)
        folder.mkdir(parents=True, exist_ok=True)
        self._disk = OutputFolder(folder)
        self._disk.try_out()
        if not self.context.resumed:
            for path in self._names.torn(self.context.out):
                path.unlink()
        made = dict(self._names.made(self.context.out))
        if made and self.options.existing == "refuse" and not self.context.resumed:
            raise refusal(next(iter(made)))
        # Oldest first; the values say nothing.
        self._kept = dict.fromkeys(sorted(made, key=lambda path: path.stat().st_mtime_ns)) if self.options.keep else {}
        self._run = int(self.context.chosen.setdefault(RUN, str(max(made.values(), default=0) + 1)))

    def write(self, packet: Packet) -> int:
        """Write matches."""
        self._disk.check()
        if packet.alive and packet.seq % self.options.every == 0:
            for one in self._fitting(packet):
                self._put(self._path(packet, one), self._part(packet, one))
        return packet.seq + 1

    def _fitting(self, packet: Packet) -> Iterator[Detection]:
        whole = WHOLE_FRAME in self._labels
        said = [one for one in packet.detections if self._fits(one, whole)]
        if not whole:
            yield from said
        elif said or not self.options.where:
            yield Detection(label=WHOLE_FRAME, box=(0, 0, packet.width, packet.height), id=WHOLE_FRAME)

    def _fits(self, one: Detection, whole: bool) -> bool:
        if not whole and (one.label not in self._labels or min(one.box[2:]) < self.options.min_size):
            return False
        told = {name: attribute.label for name, attribute in one.attributes.items()}
        return all(told.get(name) == word for name, word in self.options.where.items())

    def _part(self, packet: Packet, one: Detection) -> Pixels | None:
        picture = self.picture(packet)
        if one.label == WHOLE_FRAME:
            return picture
        try:
            return self._crop.cut(picture, one.box)
        except ValueError:
            # It lies outside the picture.
            return None

    def _path(self, packet: Packet, one: Detection) -> Path:
        values: dict[str, str | int] = {
            "stream": packet.stream,
            "seq": packet.seq,
            "id": one.id,
            "label": one.label,
            "track": one.track or 0,
        }
        numbers = (packet.live or self.options.existing == "number") and not self._names.is_of_latest
        return Path(self.context.out, self._names.path(values, self._run if numbers else 1))

    def _put(self, path: Path, picture: Pixels | None) -> None:
        if picture is None:
            return
        how = [] if path.suffix.lower() == ".png" else [cv2.IMWRITE_JPEG_QUALITY, self.options.quality]
        coded, content = cv2.imencode(path.suffix, picture, how)
        if not coded:
            raise StageError(f"{path} cannot be written as {path.suffix}")
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, content.tobytes(), self.context.to_disk)
        self._forget(path)

    def _forget(self, path: Path) -> None:
        """Delete the oldest files."""
        if self.options.keep:
            self._kept.pop(path, None)
            self._kept[path] = None
            while len(self._kept) > self.options.keep:
                oldest = next(iter(self._kept))
                del self._kept[oldest]
                oldest.unlink(missing_ok=True)
