"""face_detect: finds faces and adds a detection `face` for each, with a Haar cascade or network."""

import time
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal

import cv2
import numpy as np
from msgspec import Meta, Struct

from framewire.models.cannot_load import CannotLoadError
from framewire.models.catalogue.entries import find_entry
from framewire.models.face import Face
from framewire.models.finders.face_finder import FaceFinder, Thresholds
from framewire.models.finders.haar import Box, HaarCascade, Search, can_compile
from framewire.models.finders.load_face_finder import load_face_finder
from framewire.models.runtime.network import told
from framewire.models.runtime.provider import RUNTIME_CURE, Device, Execution, Precision
from framewire.models.store.model_store import ModelStore
from framewire.pipeline.frame.packet import Detection, Packet
from framewire.pipeline.frame.ring import Pixels
from framewire.pipeline.option import InputFile, InputFolder
from framewire.pipeline.stage import AUTO, AbsentError, Stage, StageError, stage

FACE = "face"
"""The label of a face."""
DNN_WIDTH = 640
"""Default width of a network's input: finds faces from about 12 pixels up at 640."""
HAAR_SIZE_MIN = 32
"""Default of `min_size` for cascades, in frame pixels."""
MANY = 25
"""Frames, or faces, from which it is no chance that none is found, or most are too small."""
DNN_BATCH = 8
"""Default frames per network call, unless `batch` is set."""
QUICKER = 'three times as fast with Numba: pip install "framewire[fast]"'
"""Logged if Numba is missing."""
OPENCV_ALONE = "the fast search supports no trees or tilted features"
"""Logged otherwise."""

Model = Literal["yunet", "yunet-n", "ultraface-rfb-320", "ssd-res10"]


class FaceDetectOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The defaults are the tutorial's values."""

    method: Annotated[
        Literal["haar", "dnn", "auto"],
        Meta(
            description="haar: OpenCV's cascade; dnn: a network, better and often faster; "
            "auto: the network if its file is on this machine, else the cascade"
        ),
    ] = "haar"
    cascade: Annotated[
        InputFile, Meta(min_length=1, description="haar: a cascade shipped with OpenCV, or the path of an .xml file")
    ] = "frontalface_default"
    scale_factor: Annotated[
        float, Meta(gt=1, le=10, description="haar: ratio of one size searched to the next; closer to 1 finds more")
    ] = 1.2
    min_neighbors: Annotated[
        int, Meta(ge=0, le=1000, description="haar: hits needed per face; more means fewer false positives")
    ] = 3
    search: Annotated[
        Search,
        Meta(
            description="haar: full: OpenCV's results, in a third of its time with Numba; opencv: OpenCV itself; "
            "scouts: one window in four is tried first, the same faces in three quarters of full's time"
        ),
    ] = "full"
    min_size: Annotated[
        Annotated[int, Meta(ge=0)] | None,
        Meta(description="Smallest face: its side in frame pixels; default: 32 for haar, 0 for dnn"),
    ] = None
    detect_every: Annotated[
        int, Meta(ge=1, le=1000, description="Search only every n-th frame; `track` follows faces in between")
    ] = 1
    width: Annotated[
        int, Meta(ge=0, le=8192, description="Search a copy this many pixels wide; 0: the frame (haar), 640 (dnn)")
    ] = 0
    model: Annotated[Model, Meta(description="dnn: a model of the catalogue; see `models list`")] = "yunet"
    score: Annotated[float, Meta(gt=0, lt=1, description="dnn: minimum score of a face")] = 0.7
    nms: Annotated[float, Meta(gt=0, le=1, description="dnn: IoU above which non-maximum suppression drops a face")] = (
        0.3
    )
    device: Annotated[Device, Meta(description="dnn: where the network runs; auto: the best available")] = "auto"
    threads: Annotated[
        int, Meta(ge=0, le=64, description="dnn: CPU threads per replica; 0: what the other workers leave free")
    ] = 0
    precision: Annotated[Precision, Meta(description="tensorrt: float16 is faster but slightly less exact")] = "float32"
    model_dir: Annotated[
        InputFolder, Meta(description="dnn: model folder; default: FRAMEWIRE_MODELS, then the cache")
    ] = ""


class _Tally(Struct):
    """Frames searched, faces found in them, and those that were too small."""

    frames: int = 0
    kept: int = 0
    left_out: int = 0
    is_told: bool = False


@stage("face_detect")
class FaceDetect(Stage[FaceDetectOptions]):
    """Find faces. Adds detections `face`; with a network also their score, and five landmarks where the model has them.

    Haar boxes are in whole frame pixels and OpenCV's order; a network's come best first.

    Example:
        faces: {use: face_detect, input: capture, scale_factor: 1.1, width: 640}
        better: {use: face_detect, input: capture, method: dnn, model: yunet-n, batch: {size: 8}}
    """

    Options = FaceDetectOptions

    @classmethod
    def batch_size(cls, options: FaceDetectOptions) -> int:
        """Batching does not help Haar."""
        return DNN_BATCH if method_of(options) == "dnn" else 1

    @classmethod
    def files(cls, options: FaceDetectOptions) -> Sequence[Path]:
        """The network."""
        return _store(options).to_lend(find_entry(options.model)) if options.method != "haar" else ()

    def open(self) -> None:
        """Load the cascade, or the network."""
        self._method = self._choose_method()
        self._tally = _Tally()
        asked = self.options.min_size
        # A cascade takes longer the smaller it looks; a network sees all sizes at once.
        self._min_size = asked if asked is not None else HAAR_SIZE_MIN if self._method == "haar" else 0
        model = self.options.model
        try:
            if self._method == "dnn":
                self._network = self._load()
            else:
                self._cascade = HaarCascade(self.options.cascade)
                if self.options.search != "opencv" and not self._cascade.quick:
                    self._tell(
                        self.options.cascade, f"searched by OpenCV; {OPENCV_ALONE if can_compile() else QUICKER}"
                    )
                if self.options.method == AUTO:
                    cure = cure_of(self.options, self.context.files)
                    why = f"{model} cannot run here; {cure}" if cure else "this run began with it"
                    self._tell("haar", f"because {why}")
        except CannotLoadError as error:
            raise StageError(str(error)) from error

    def try_out(self, connect: bool) -> str:
        """See Stage: a model is not downloaded for it."""
        missing = self._choose_method() == "dnn" and _store(self.options).find(find_entry(self.options.model)) is None
        if missing and not connect:
            raise AbsentError(f"{self.options.model} is not on this machine; a run downloads it")
        return super().try_out(connect)

    def process_batch(self, packets: Sequence[Packet]) -> Sequence[Packet]:
        """Add a detection for each face in each frame that is searched."""
        searched = iter(self._searched([packet for packet in packets if not self.idle(packet)]))
        return [packet.without_search(FACE) if self.idle(packet) else next(searched) for packet in packets]

    def idle(self, packet: Packet) -> bool:
        """Frames that are not searched skip batching. The first of a scene is always searched."""
        return packet.seq % self.options.detect_every != 0 and not packet.cut

    def _searched(self, packets: Sequence[Packet]) -> Sequence[Packet]:
        if not packets:
            return packets
        if self._method == "haar":
            return [self._counted(packet, self._haar(packet)) for packet in packets]
        started = time.monotonic()
        found = self._network.find([self.picture(packet) for packet in packets])
        self.context.timed_model(self.options.model, self._network.provider, time.monotonic() - started)
        return [
            self._counted(packet, [_detection(face) for face in faces])
            for packet, faces in zip(packets, found, strict=True)
        ]

    def _counted(self, packet: Packet, faces: list[Detection]) -> Packet:
        """The packet with the faces that are large enough; the log says so if most are not."""
        kept = [face for face in faces if min(face.box[2:]) >= self._min_size] if self._method == "dnn" else faces
        tally = self._tally
        tally.frames += 1
        tally.kept += len(kept)
        tally.left_out += len(faces) - len(kept)
        if not tally.is_told and tally.left_out >= MANY and tally.left_out > tally.kept:
            tally.is_told = True
            self.log.warning(
                "%d of %d faces were smaller than min_size (%d pixels) and are left out; lower it to keep them",
                *(tally.left_out, tally.left_out + tally.kept, self._min_size),
            )
        return packet.plus(kept).with_search(FACE)

    def close(self) -> None:
        """Say so if nothing was found: a wrong size or score looks like an empty room."""
        if self._tally.frames >= MANY and not self._tally.kept and not self._tally.left_out:
            self.log.info("no face in %d frames", self._tally.frames)

    def _choose_method(self) -> str:
        def choose(method: str) -> str:
            return method_of(self.options, self.context.files) if method == AUTO else method

        return self.as_chosen("method", self.options.method, choose, str)

    def _load(self) -> FaceFinder:
        network = self.as_chosen("device", self.options.device, self._load_on, lambda network: network.device)
        self._tell(self.options.model, told(network))
        return network

    def _load_on(self, device: Device) -> FaceFinder:
        options = self.options
        thresholds = Thresholds(options.score, options.nms)
        execution = Execution(device, options.threads or self.context.threads, options.precision)
        width = options.width or DNN_WIDTH
        store = _store(options, self.context.files)
        return load_face_finder(options.model, thresholds, width, store, execution)

    def _tell(self, what: str, how: str) -> None:
        self.context.facts[what] = how
        self.log.info("%s %s", what, how)

    def _haar(self, packet: Packet) -> list[Detection]:
        grey = np.asarray(cv2.cvtColor(self.picture(packet), cv2.COLOR_BGR2GRAY), np.uint8)
        small, scale = _shrink(grey, self.options.width)
        boxes = self._cascade.detect(
            small,
            self.options.scale_factor,
            self.options.min_neighbors,
            # Rounded as a side in the copy's pixels; without a copy it is the option itself.
            round(self._min_size / scale),
            search=self.options.search,
        )
        return [Detection(label=FACE, box=_map_back(box, scale, packet.width, packet.height)) for box in boxes]


def method_of(options: FaceDetectOptions, lent: Mapping[str, Path] | None = None) -> Literal["haar", "dnn"]:
    """The method, with `auto` resolved: the network if its file and onnxruntime are here. Downloads nothing."""
    if options.method != "auto":
        return options.method
    return "haar" if cure_of(options, lent) else "dnn"


def cure_of(options: FaceDetectOptions, lent: Mapping[str, Path] | None = None) -> str:
    """What would make the network run here; empty if it can."""
    entry = find_entry(options.model)
    if entry.runtime != "cv2.dnn" and find_spec("onnxruntime") is None:
        return f"onnxruntime is not installed: {RUNTIME_CURE}"
    try:
        here = _store(options, lent).find(entry) is not None
    except CannotLoadError:
        # A corrupt file is reported when it is loaded.
        here = True
    return "" if here else f"`models pull {options.model}` gets it"


def _store(options: FaceDetectOptions, lent: Mapping[str, Path] | None = None) -> ModelStore:
    return ModelStore(Path(options.model_dir) if options.model_dir else None, lent=lent)


def _detection(face: Face) -> Detection:
    return Detection(label=FACE, box=face.box, score=face.score, landmarks=face.landmarks)


def _shrink(grey: Pixels, width: int) -> tuple[Pixels, float]:
    """A copy `width` pixels wide, and the picture's pixels per copy pixel; never an enlarged copy."""
    if not 0 < width < grey.shape[1]:
        return grey, 1.0
    scale = grey.shape[1] / width
    size = (width, max(1, round(grey.shape[0] / scale)))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8), scale


def _map_back(box: Box, scale: float, width: int, height: int) -> tuple[float, float, float, float]:
    """The box in frame pixels, clipped at the edges (rounding may overshoot by one pixel)."""
    left, top, right, bottom = (round(edge * scale) for edge in (box[0], box[1], box[0] + box[2], box[1] + box[3]))
    return (left, top, min(right, width) - left, min(bottom, height) - top)
