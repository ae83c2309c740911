"""detect: finds objects of any kind, with any detector as an ONNX file, or OpenCV's people."""

import time
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

from framewire.models.cannot_load import CannotLoadError
from framewire.models.label_file import labels_in
from framewire.models.objects.detector import Detector, Reading, Wanted
from framewire.models.objects.found import Found
from framewire.models.objects.heads.known import HeadName
from framewire.models.objects.hog import HogPeople
from framewire.models.objects.labels import SETS
from framewire.models.objects.load_detector import find_detector, is_file, load_detector
from framewire.models.objects.tiles import Tiling
from framewire.models.runtime.network import told
from framewire.models.runtime.provider import RUNTIME_CURE, Device, Execution, Precision
from framewire.models.store.model_store import ModelStore
from framewire.pipeline.frame.packet import Detection, Packet
from framewire.pipeline.nearest import nearest
from framewire.pipeline.option import InputFile, InputFolder
from framewire.pipeline.stage import AUTO, AbsentError, Stage, StageError, stage

BATCH = 8
"""Default frames per call, unless `batch` is set; a model for one picture takes them one by one."""
MANY = 25
"""Frames in which it is no chance that nothing is found."""
TRIPLE = 3
Triple = Annotated[list[float], Meta(min_length=TRIPLE, max_length=TRIPLE)]


class DetectOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A detector, and what is wanted of it."""

    method: Annotated[
        Literal["dnn", "hog", "auto"],
        Meta(
            description="dnn: a network; hog: OpenCV's people detector, for people who stand upright; "
            "auto: the network if its file is on this machine, else hog"
        ),
    ] = "dnn"
    model: Annotated[
        InputFile, Meta(min_length=1, description="A detector of the catalogue, or the path of an .onnx file")
    ] = "yolox-nano"
    only: Annotated[list[str], Meta(description="Labels to keep, such as [person, car]; default: all")] = []
    score: Annotated[float, Meta(gt=0, lt=1, description="Minimum score of an object")] = 0.4
    nms: Annotated[
        float, Meta(gt=0, le=1, description="IoU above which a better box of the same label suppresses another")
    ] = 0.5
    min_size: Annotated[int, Meta(ge=0, description="Smallest object: its shorter side in frame pixels")] = 0
    detect_every: Annotated[
        int, Meta(ge=1, le=1000, description="Search only every n-th frame; `track` follows objects in between")
    ] = 1
    tiles: Annotated[
        str,
        Meta(
            pattern="^[1-9][0-9]?x[1-9][0-9]?$",
            description="For small objects: search this many tiles, across x down, and the whole frame",
        ),
    ] = "1x1"
    overlap: Annotated[
        float, Meta(ge=0, le=0.5, description="tiles: overlap of neighbours, as a share of a tile's side")
    ] = 0.2
    head: Annotated[
        HeadName, Meta(description="An .onnx file's kind of outputs; auto: by their shapes, see docs/stages.md")
    ] = "auto"
    labels: Annotated[
        InputFile,
        Meta(
            description="An .onnx file's labels, one per line in the order of its classes, or coco (80 classes) or "
            "coco-90; default: those in the file, or coco where it has 80 classes"
        ),
    ] = ""
    height: Annotated[
        int, Meta(ge=0, le=8192, description="Input height, if the model leaves it open; 0: the file's own, or 640")
    ] = 0
    width: Annotated[
        int, Meta(ge=0, le=8192, description="Likewise its width; hog: search a copy this wide, 0: the frame")
    ] = 0
    order: Annotated[
        Literal["auto", "BGR", "RGB"], Meta(description="An .onnx file's colour order; auto: its head's")
    ] = "auto"
    fitting: Annotated[
        Literal["auto", "corner", "centre", "stretch"],
        Meta(
            description="Where the frame lies in the input: its aspect kept, in the corner or the centre; or stretched"
        ),
    ] = "auto"
    mean: Annotated[Triple | None, Meta(description="Subtracted per colour (0 to 255); default: its head's")] = None
    scale: Annotated[
        Triple | None, Meta(description="Factors applied to the differences per colour; default: its head's")
    ] = None
    device: Annotated[Device, Meta(description="Where the network runs; auto: the best available")] = "auto"
    threads: Annotated[
        int, Meta(ge=0, le=64, description="CPU threads per replica; 0: what the other workers leave free")
    ] = 0
    precision: Annotated[Precision, Meta(description="tensorrt: float16 is faster but slightly less exact")] = "float32"
    model_dir: Annotated[InputFolder, Meta(description="Model folder; default: FRAMEWIRE_MODELS, then the cache")] = ""


@stage("detect")
class Detect(Stage[DetectOptions]):
    """Find objects: adds a detection for each, with the label that the model gives it, and a score, best first.

    Any detector in ONNX will do whose outputs are of a head that is known: YOLOX, the exports of YOLO v5 to v12,
    NanoDet, RT-DETR, D-FINE and RF-DETR, SSD, and plain boxes with scores. The log says which it was taken for.

    Example:
        people: {use: detect, input: capture, only: [person]}
        cars: {use: detect, input: capture, model: yolov8n.onnx, only: [car, truck], tiles: 2x2}
    """

    Options = DetectOptions

    @classmethod
    def batch_size(cls, options: DetectOptions) -> int:
        """Batching does not help HOG."""
        return BATCH if method_of(options) == "dnn" else 1

    @classmethod
    def files(cls, options: DetectOptions) -> Sequence[Path]:
        """The network, if it is one of the catalogue."""
        if options.method == "hog" or is_file(options.model):
            return ()
        try:
            return _store(options).to_lend(find_detector(options.model))
        except CannotLoadError:
            # There is no such model: whoever opens it is told.
            return ()

    def open(self) -> None:
        """Load the network, and find out what its outputs mean."""
        self._frames = self._found = 0
        self._method = self._choose_method()
        try:
            self._finder = self._load()
        except (CannotLoadError, OSError) as error:
            raise StageError(str(error)) from error
        only = self.options.only
        for label in only:
            if label not in self._finder.labels:
                near = nearest(label, list(self._finder.labels)) or f"; it has {', '.join(self._finder.labels)}"
                raise StageError(f"{self._name} does not find {label!r}{near}")
        self._labels = tuple(dict.fromkeys(only or self._finder.labels))

    def try_out(self, connect: bool) -> str:
        """See Stage: a model is not downloaded for it."""
        options, is_network = self.options, self._choose_method() == "dnn"
        if is_network and is_file(options.model):
            absent = [name for name in (options.model, options.labels) if name not in {"", *SETS}]
            absent = [name for name in absent if not Path(name).exists()]
            if absent:
                raise AbsentError(f"no such file: {', '.join(absent)}")
        elif is_network and not connect and _is_missing(options):
            raise AbsentError(f"{options.model} is not on this machine; a run downloads it")
        return super().try_out(connect)

    def idle(self, packet: Packet) -> bool:
        """Frames that are not searched skip batching. The first of a scene is always searched."""
        return packet.seq % self.options.detect_every != 0 and not packet.cut

    def process_batch(self, packets: Sequence[Packet]) -> Sequence[Packet]:
        """Add a detection for each object in each frame that is searched."""
        searched = iter(self._searched([packet for packet in packets if not self.idle(packet)]))
        return [self._unsearched(packet) if self.idle(packet) else next(searched) for packet in packets]

    def close(self) -> None:
        """Say so if nothing was found: a wrong head or colour order looks like an empty room."""
        if self._frames >= MANY and not self._found:
            self.log.info("no %s in %d frames", " or ".join(self.options.only) or "object", self._frames)

    def _unsearched(self, packet: Packet) -> Packet:
        return packet.without_search(*self._labels)

    def _searched(self, packets: Sequence[Packet]) -> Sequence[Packet]:
        if not packets:
            return packets
        started = time.monotonic()
        found = self._finder.find([self.picture(packet) for packet in packets])
        self.context.timed_model(self._name, self._finder.provider, time.monotonic() - started)
        return [
            packet.plus(self._kept(objects)).with_search(*self._labels)
            for packet, objects in zip(packets, found, strict=True)
        ]

    def _kept(self, objects: Sequence[Found]) -> list[Detection]:
        kept = [
            Detection(label=one.label, box=one.box, score=one.score)
            for one in objects
            if min(one.box[2:]) >= self.options.min_size
        ]
        self._frames += 1
        self._found += len(kept)
        return kept

    @property
    def _name(self) -> str:
        return self.options.model if self._method == "dnn" else "hog"

    def _choose_method(self) -> str:
        def choose(method: str) -> str:
            return method_of(self.options, self.context.files) if method == AUTO else method

        return self.as_chosen("method", self.options.method, choose, str)

    def _load(self) -> Detector | HogPeople:
        options = self.options
        if self._method == "hog":
            if options.method == AUTO:
                cure = cure_of(options, self.context.files)
                how = f"because {f'{options.model} cannot run here; {cure}' if cure else 'this run began with it'}"
                self.context.facts["hog"] = how
                self.log.info("hog %s", how)
            return HogPeople(options.width, options.score, options.nms)
        network = self.as_chosen("device", options.device, self._load_on, lambda network: network.device)
        guessed = ", its 80 classes taken for COCO's" if network.guesses_labels else ""
        how = f"{told(network)}, read as {network.head}{guessed}"
        self.context.facts[self._name] = how
        self.log.info("%s %s", self._name, how)
        return network

    def _load_on(self, device: Device) -> Detector:
        options = self.options
        reading = Reading(
            head=options.head,
            labels=_labels(options.labels),
            height=options.height,
            width=options.width,
            order="" if options.order == "auto" else options.order,
            fitting="" if options.fitting == "auto" else options.fitting,
            mean=_triple(options.mean),
            scale=_triple(options.scale),
        )
        wanted = Wanted(options.score, options.nms, tuple(options.only))
        across, down = map(int, options.tiles.split("x"))
        execution = Execution(device, options.threads or self.context.threads, options.precision)
        tiling, store = Tiling(across, down, options.overlap), _store(options, self.context.files)
        return load_detector(options.model, reading, wanted, tiling, store, execution)


def method_of(options: DetectOptions, lent: Mapping[str, Path] | None = None) -> Literal["dnn", "hog"]:
    """The method, with `auto` resolved: the network if its file and onnxruntime are here. Downloads nothing."""
    if options.method != "auto":
        return options.method
    return "hog" if cure_of(options, lent) else "dnn"


def cure_of(options: DetectOptions, lent: Mapping[str, Path] | None = None) -> str:
    """What would make the network run here; empty if it can."""
    if find_spec("onnxruntime") is None:
        return f"onnxruntime is not installed: {RUNTIME_CURE}"
    if not _is_missing(options, lent):
        return ""
    return "there is no such file" if is_file(options.model) else f"`models pull {options.model}` gets it"


def _is_missing(options: DetectOptions, lent: Mapping[str, Path] | None = None) -> bool:
    if is_file(options.model):
        return not Path(options.model).exists()
    try:
        return _store(options, lent).find(find_detector(options.model)) is None
    except CannotLoadError:
        # A corrupt file, or an unknown name, is reported when it is loaded.
        return False


def _store(options: DetectOptions, lent: Mapping[str, Path] | None = None) -> ModelStore:
    return ModelStore(Path(options.model_dir) if options.model_dir else None, lent=lent)


def _labels(named: str) -> tuple[str, ...]:
    """The labels of a set or of a file. Raises StageError, OSError."""
    if named in SETS:
        return SETS[named]
    return labels_in(Path(named)) if named else ()


def _triple(values: list[float] | None) -> tuple[float, float, float] | None:
    return None if values is None else (values[0], values[1], values[2])
