"""classify: says something of each face, or of the whole frame, by any number of models."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct, field

from models.cannot_load import CannotLoadError
from models.catalogue import find_entry
from models.classifier import Answer, Classifier
from models.face_crop import CropRule, face_crop
from models.face_finder import Picture
from models.model_entry import Head, ModelInput
from models.model_store import ModelStore
from models.provider import Device
from pipeline.packet import Attribute, Detection, Packet
from pipeline.ring import Pixels
from pipeline.stage import Stage, StageError, stage

WHOLE_FRAME = "frame"
"""The label of the detection that stands for the whole frame."""


class ClassifierOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model: a name of the catalogue, which knows the rest, or an .onnx file with what is to be known of it."""

    model: Annotated[str, Meta(min_length=1, description="A model of the catalogue, or the path of an .onnx file")]
    name: Annotated[str, Meta(description="Name of the attribute; default: the model's task, or the file's name")] = ""
    labels: Annotated[str, Meta(description="A file with one label a line, in the order of the model's answers")] = ""
    height: Annotated[int, Meta(ge=0, description="Of the input, where the model leaves it open")] = 0
    width: Annotated[int, Meta(ge=0, description="Of the input, where the model leaves it open")] = 0
    order: Annotated[Literal["BGR", "RGB", "grey"], Meta(description="Of the input's colours")] = "RGB"
    mean: Annotated[list[float], Meta(min_length=1, max_length=3, description="Taken from each colour (0 to 255)")] = (
        field(default_factory=lambda: [0.0, 0.0, 0.0])
    )
    scale: Annotated[float, Meta(description="By which the difference is multiplied")] = 1 / 255
    margin: Annotated[
        float,
        Meta(ge=0, le=2, description="Added on each side of the box, as a share; our own models have their own crop"),
    ] = 0.0


class ClassifyOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is looked at, and by which models."""

    models: Annotated[list[ClassifierOptions], Meta(min_length=1, description="Models, each with its settings")]
    of: Annotated[
        str, Meta(min_length=1, description="Label of the detections to look at; frame: the whole picture")
    ] = "face"
    device: Annotated[Device, Meta(description="Where the networks run; auto: the best that is there")] = "auto"
    threads: Annotated[int, Meta(ge=1, le=64, description="Threads on a CPU, for each replica")] = 1
    model_dir: Annotated[str, Meta(description="Folder with model files; else FRAMEWIRE_MODELS, the cache")] = ""


class _Loaded(Struct, frozen=True):
    attributes: tuple[str, ...]
    margin: float
    rule: CropRule | None
    classifier: Classifier

    def crop(self, picture: Picture, box: tuple[float, float, float, float]) -> Picture:
        """The part of the picture that this model wants to see of a box."""
        return crop(picture, box, self.margin) if self.rule is None else face_crop(picture, box, self.rule)


@stage("classify")
class Classify(Stage[ClassifyOptions]):
    """Add attributes to detections: {name: label, score}, by one model or several.

    All crops of all frames of a batch go through each model together. With `of: frame`, each frame gets a detection
    `frame` of its whole size, which carries the attributes; so any image classifier can be a stage.

    Example:
        feelings: {use: classify, input: faces, models: [{model: emotion-ferplus, margin: 0.1}]}
        scene: {use: classify, input: capture, of: frame, models: [{model: resnet50.onnx, labels: imagenet.txt}]}
    """

    Options = ClassifyOptions

    def open(self) -> None:
        """Load the models, check their shapes and labels, and warm them up."""
        store = ModelStore(Path(self.options.model_dir) if self.options.model_dir else None)
        try:
            self._models = [self._load(each, store) for each in self.options.models]
        except (CannotLoadError, OSError) as error:
            raise StageError(str(error)) from error
        names = [name for loaded in self._models for name in loaded.attributes]
        if len(set(names)) < len(names):
            raise StageError(f"two models say {', '.join(sorted(names))}; give each a `name` of its own")

    def process_batch(self, packets: Sequence[Packet]) -> Sequence[Packet]:
        """Say what the models say."""
        packets = [self._with_subjects(packet) for packet in packets]
        subjects = [(place, found) for place, packet in enumerate(packets) for found in self._subjects(packet)]
        if not subjects:
            return packets
        pictures = [self.picture(packet) for packet in packets]
        said: dict[tuple[int, str], dict[str, Attribute]] = {}
        for loaded in self._models:
            crops = [loaded.crop(pictures[place], found.box) for place, found in subjects]
            for (place, found), answers in zip(subjects, loaded.classifier.classify(crops), strict=True):
                attributes = {name: _attribute(answer) for name, answer in answers.items()}
                said.setdefault((place, found.id), {}).update(attributes)
        return [
            packet.with_detections(
                [found.with_attributes(said.get((place, found.id), {})) for found in packet.detections]
            )
            for place, packet in enumerate(packets)
        ]

    def _with_subjects(self, packet: Packet) -> Packet:
        if self.options.of != WHOLE_FRAME:
            return packet
        whole = Detection(
            label=WHOLE_FRAME, box=(0, 0, packet.width, packet.height), id=f"{self.context.name}.{WHOLE_FRAME}"
        )
        return packet.plus([whole])

    def _subjects(self, packet: Packet) -> list[Detection]:
        """What is looked at: detections that have some part inside the picture."""
        return [
            found
            for found in packet.labelled(self.options.of)
            if crop_edges(found.box, 0, packet.width, packet.height) is not None
        ]

    def _load(self, options: ClassifierOptions, store: ModelStore) -> _Loaded:
        if options.model.endswith(".onnx"):
            return self._load_file(options)
        entry = find_entry(options.model)
        if entry.runtime != "onnxruntime" or entry.task == "face detection":
            raise StageError(f"{entry.name} ({entry.task}, {entry.runtime}) is not a model for classify")
        (path,) = store.need(entry)
        heads = entry.answers
        if options.name and len(heads) == 1:
            heads = (msgspec.structs.replace(heads[0], attribute=options.name),)
        return self._loaded(options, path, entry.input, heads, entry.crop)

    def _load_file(self, options: ClassifierOptions) -> _Loaded:
        if not options.labels:
            raise StageError(f"{options.model}: say `labels`, a file with one label a line")
        text = Path(options.labels).read_text(encoding="utf-8")
        labels = [line.strip() for line in text.splitlines() if line.strip()]
        facts = ModelInput(
            height=options.height,
            width=options.width,
            order=options.order,
            mean=tuple(options.mean),
            scale=options.scale,
        )
        path = Path(options.model)
        head = Head(attribute=options.name or path.stem, labels=tuple(labels))
        return self._loaded(options, path, facts, (head,), None)

    def _loaded(
        self,
        options: ClassifierOptions,
        path: Path,
        facts: ModelInput,
        heads: tuple[Head, ...],
        rule: CropRule | None,
    ) -> _Loaded:
        classifier = Classifier(path, facts, heads, self.options.device, self.options.threads)
        why = f" ({classifier.fallback})" if classifier.fallback else ""
        self.log.info("%s runs on %s%s", options.model, classifier.provider, why)
        return _Loaded(tuple(head.attribute for head in heads), options.margin, rule, classifier)


def _attribute(answer: Answer) -> Attribute:
    score = None if answer.score is None else round(answer.score, 6)
    return Attribute(answer.label, score, answer.value)


def crop_edges(
    box: tuple[float, float, float, float], margin: float, width: int, height: int
) -> tuple[int, int, int, int] | None:
    """Left, top, right, bottom in whole pixels inside a picture; None where nothing of the box is in it."""
    wider, higher = margin * box[2], margin * box[3]
    left, top = max(0, round(box[0] - wider)), max(0, round(box[1] - higher))
    right = min(width, round(box[0] + box[2] + wider))
    bottom = min(height, round(box[1] + box[3] + higher))
    return (left, top, right, bottom) if left < right and top < bottom else None


def crop(picture: Pixels, box: tuple[float, float, float, float], margin: float) -> Picture:
    """The part of the picture inside the box and its margin: a view, not a copy. Raises ValueError if it is outside."""
    edges = crop_edges(box, margin, picture.shape[1], picture.shape[0])
    if edges is None:
        raise ValueError(f"the box {box} lies outside the picture")
    left, top, right, bottom = edges
    return picture[top:bottom, left:right]
