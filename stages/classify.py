"""classify: adds attributes to faces, or to whole frames, with any number of models."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from framewire.models.cannot_load import CannotLoadError
from framewire.models.catalogue.entries import UnknownModelError
from framewire.models.catalogue.model_entry import AnswerKind, Head, ModelEntry, ModelInput
from framewire.models.catalogue.model_file import sha256_of
from framewire.models.classifiers.answer import Answer
from framewire.models.classifiers.asked import Asked, chosen_heads, refuse_contradictions, renamed
from framewire.models.classifiers.classifier import Classifier
from framewire.models.classifiers.file_classifier import Described, classifier_of, described, is_file
from framewire.models.classifiers.load_classifier import files_to_lend, find_classifier, open_network
from framewire.models.crops.face_crop import FaceCrop, edges_inside
from framewire.models.label_file import labels_in
from framewire.models.picture import Picture
from framewire.models.runtime.network import Network, told
from framewire.models.runtime.provider import Device, Execution, Precision
from framewire.models.store.model_store import ModelStore
from framewire.pipeline.frame.packet import Attribute, Detection, Packet
from framewire.pipeline.option import InputFile, InputFolder, Labels, labels_of
from framewire.pipeline.stage import AUTO, AbsentError, Stage, StageError, stage

WHOLE_FRAME = "frame"
"""Label of the detection that covers the whole frame."""
CATALOGUE = "the catalogue"


Mean = Annotated[list[float], Meta(min_length=1, max_length=3)]
Margin = Annotated[float, Meta(ge=0, le=2)]
Padding = Annotated[int, Meta(ge=0, le=1000)]


class ClassifierOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model: a catalogue name or an .onnx file with a card, which determine the rest, or any with its settings.

    An option that says something else than the card or the catalogue is refused.
    """

    model: Annotated[
        InputFile, Meta(min_length=1, description="A model of the catalogue, or the path of an .onnx file")
    ]
    instead: Annotated[
        str, Meta(description="Model with the same attributes to use if the first is not on this machine")
    ] = ""
    name: Annotated[
        str,
        Meta(
            description="Name of the attribute; if there are several, their prefix, as in NAME_age; default: the "
            "card's or the catalogue's, or the file's name"
        ),
    ] = ""
    labels: Annotated[
        InputFile,
        Meta(description="A file with one label per line, in the model's output order; default: those in the file"),
    ] = ""
    output: Annotated[
        str, Meta(description="Which of the file's outputs; default: all that its card names, or the first")
    ] = ""
    answer: Annotated[
        AnswerKind,
        Meta(
            description="What the file outputs: numbers that softmax or sigmoid turns into scores, scores, or one "
            "value that is the answer; auto: by the graph's last operation"
        ),
    ] = "auto"
    height: Annotated[int, Meta(ge=0, description="Input height, if the model leaves it open")] = 0
    width: Annotated[int, Meta(ge=0, description="Input width, if the model leaves it open")] = 0
    order: Annotated[
        Literal["auto", "BGR", "RGB", "grey"], Meta(description="Input colour order; auto: its card's, or RGB")
    ] = "auto"
    mean: Annotated[Mean | None, Meta(description="Subtracted per colour (0 to 255); default: its card's, or 0")] = None
    scale: Annotated[
        float | None, Meta(description="Factor applied to the difference; default: its card's, or 1/255")
    ] = None
    crop: Annotated[
        Literal["auto", "box", "aligned"],
        Meta(
            description="box: as detected; aligned: warped to bring five landmarks to standard places; auto: by its "
            "card, or box"
        ),
    ] = "auto"
    margin: Annotated[
        Margin | None,
        Meta(description="Added per side, as a share of the box; our own models have their own crop; default: 0"),
    ] = None
    padding: Annotated[Padding | None, Meta(description="Added on each side of the box, in pixels; default: 0")] = None


class ClassifyOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to classify, with which models."""

    models: Annotated[list[ClassifierOptions], Meta(min_length=1, description="Models, each with its settings")]
    of: Annotated[
        Labels, Meta(description="Detections to classify, by label, or a list of labels; frame: the whole picture")
    ] = "face"
    device: Annotated[Device, Meta(description="Where the networks run; auto: the best available")] = "auto"
    threads: Annotated[
        int, Meta(ge=0, le=64, description="CPU threads per replica; 0: what the other workers leave free")
    ] = 0
    precision: Annotated[Precision, Meta(description="tensorrt: float16 is faster but slightly less exact")] = "float32"
    model_dir: Annotated[InputFolder, Meta(description="Model folder; default: FRAMEWIRE_MODELS, then the cache")] = ""


class _Chosen(Struct, frozen=True):
    """A model to load: its files, its input, the answers wanted from it, and how faces are cropped."""

    name: str
    files: list[Path]
    facts: ModelInput
    heads: tuple[Head, ...]
    crop: FaceCrop
    whole: FaceCrop
    """Of whole frames."""
    file: Described | None = None


class _Loaded(Struct, frozen=True):
    name: str
    crop: FaceCrop
    whole: FaceCrop
    classifier: Classifier
    attributes: tuple[str, ...]


@stage("classify")
class Classify(Stage[ClassifyOptions]):
    """Add attributes to detections: {name: label, score}, with one or more models.

    All crops of all frames of a batch go through each model together. With `of: frame`, each frame gets a full-size
    detection `frame` that carries the attributes, so any image classifier can be a stage.

    Example:
        people: {use: classify, input: faces, models: [{model: framewire-emotion}, {model: framewire-age-gender}]}
        own: {use: classify, input: faces, models: [{model: trained-by-framewire.onnx}]}
        scene: {use: classify, input: capture, of: frame, models: [{model: resnet50.onnx, labels: imagenet.txt}]}
    """

    Options = ClassifyOptions

    def open(self) -> None:
        """Load the models, check their shapes and labels, and warm them up."""
        self._labels = labels_of(self.options.of)
        store = _store(self.options, self.context.files)
        try:
            chosen = _merged([self._choose(each, store) for each in self.options.models])
            names = [head.attribute for model in chosen for head in model.heads]
            if len(set(names)) < len(names):
                raise StageError(f"two models output {', '.join(sorted(names))}; give each its own `name`")
            self._models = [self._load(model) for model in chosen]
        except (CannotLoadError, OSError) as error:
            raise StageError(str(error)) from error
        self._told = False
        self._unanswered: set[str] = set()

    def try_out(self, connect: bool) -> str:
        """See Stage: models are not downloaded for it."""
        store = _store(self.options)
        for model in self.options.models:
            if is_file(model.model):
                absent = [name for name in (model.model, model.labels) if name and not Path(name).exists()]
                if absent and not (model.instead and model.model in absent):
                    raise AbsentError(f"no such file: {', '.join(absent)}{_in_folder(Path(model.model), store)}")
            elif not connect and not model.instead and _is_absent(model.model, store):
                raise AbsentError(f"{model.model} is not on this machine; a run downloads it")
        return super().try_out(connect)

    @classmethod
    def files(cls, options: ClassifyOptions) -> Sequence[Path]:
        """Models of the catalogue."""
        store = _store(options)
        return [path for one in options.models for path in files_to_lend(one.model, one.instead, store)]

    def idle(self, packet: Packet) -> bool:
        """Frames without faces skip batching."""
        return WHOLE_FRAME not in self._labels and not self._subjects(packet)

    def process_batch(self, packets: Sequence[Packet]) -> Sequence[Packet]:
        """Add the models' answers."""
        packets = [self._with_subjects(packet) for packet in packets]
        subjects = [(place, found) for place, packet in enumerate(packets) for found in self._subjects(packet)]
        if not subjects:
            return packets
        pictures = [self.picture(packet) for packet in packets]
        said: dict[tuple[int, str], dict[str, Attribute]] = {}
        for loaded in self._models:
            keys, crops = self._cut(loaded, pictures, subjects)
            started = time.monotonic()
            said_by_it = loaded.classifier.classify(crops)
            self.context.timed_model(loaded.name, loaded.classifier.provider, time.monotonic() - started)
            for key, answers in zip(keys, said_by_it, strict=True):
                self._tell_if_unanswered(loaded, packets[key[0]], answers)
                attributes = {name: _attribute(answer) for name, answer in answers.items()}
                said.setdefault(key, {}).update(attributes)
        return [
            packet.with_detections(
                [found.with_attributes(said.get((place, found.id), {})) for found in packet.detections]
            )
            for place, packet in enumerate(packets)
        ]

    def _tell_if_unanswered(self, loaded: _Loaded, packet: Packet, answers: dict[str, Answer]) -> None:
        """A model that has answered nothing finite, for once or for good, is told once."""
        missing = [name for name in loaded.attributes if name not in answers]
        if missing and loaded.name not in self._unanswered:
            self._unanswered.add(loaded.name)
            self.log.warning(
                "%s gave no finite number for %s in frame %d of %s: such pictures have no answer",
                *(loaded.name, ", ".join(missing), packet.seq, packet.stream),
            )

    def _cut(
        self, loaded: _Loaded, pictures: Sequence[Picture], subjects: Sequence[tuple[int, Detection]]
    ) -> tuple[list[tuple[int, str]], list[Picture]]:
        """This model's input: for each, the frame's place and the detection's id, and the crop."""
        keys, crops = [], []
        for place, found in subjects:
            rule = loaded.whole if found.label == WHOLE_FRAME else loaded.crop
            crop = rule.cut(pictures[place], found.box, found.landmarks)
            if crop is not None:
                keys.append((place, found.id))
                crops.append(crop)
            elif not self._told:
                self._told = True
                self.log.warning(
                    "%s needs faces aligned by five landmarks, and %s has none: such faces are skipped; "
                    "use a detector with landmarks, such as face_detect with method: dnn, model: yunet",
                    loaded.name,
                    found.id,
                )
        return keys, crops

    def _with_subjects(self, packet: Packet) -> Packet:
        if WHOLE_FRAME not in self._labels or packet.labelled(WHOLE_FRAME):
            # Another stage before this one has made it: both add to the same.
            return packet
        whole = Detection(
            label=WHOLE_FRAME, box=(0, 0, packet.width, packet.height), id=f"{self.context.given}.{WHOLE_FRAME}"
        )
        return packet.plus([whole])

    def _subjects(self, packet: Packet) -> list[Detection]:
        """What to classify: detections that are due and at least partly in the picture."""
        return [
            found
            for found in packet.labelled(*self._labels)
            if found.due and edges_inside(found.box, (0, 0), (packet.width, packet.height)) is not None
        ]

    def _choose(self, options: ClassifierOptions, store: ModelStore) -> _Chosen:
        if is_file(options.model):
            if not options.instead or not self._is_missing(options.model, Path(options.model).exists()):
                return self._as_before(_from_file(options, store))
            entry = find_classifier(options.instead)
            self._tell_stand_in(options.model, entry.name)
            return _from_entry(entry, renamed(entry.answers, options.name), options, store)
        entry = _found(options.model, store)
        asked = _asked(options)
        heads = chosen_heads(entry.answers, asked, [], entry.name, CATALOGUE)
        # How a face is cut may be said for the model that stands in, or the other way round.
        refuse_contradictions(asked, entry.input, heads, None, entry.name, CATALOGUE)
        if options.instead and self._is_missing(entry.name, store.find(entry) is not None):
            entry, heads = self._stand_in(entry, heads, find_classifier(options.instead))
        return _from_entry(entry, renamed(heads, options.name), options, store)

    def _as_before(self, chosen: _Chosen) -> _Chosen:
        """Tells a file whose card decides what comes out, and which is another than when the run began."""
        (path,) = chosen.files

        def same(choice: str) -> str:
            found = sha256_of(path)
            if choice not in (AUTO, found):
                raise StageError(f"{path} is another file now, sha256 {found}")
            return found

        if chosen.file is not None and chosen.file.card is not None:
            self.as_chosen(f"the file {chosen.name} of sha256", AUTO, same, str)
        return chosen

    def _is_missing(self, name: str, is_here: bool) -> bool:
        def choose(choice: str) -> str:
            return str(not is_here) if choice == AUTO else choice

        return self.as_chosen(f"stand-in for {name}", AUTO, choose, str) == str(True)

    def _stand_in(
        self, entry: ModelEntry, wanted: tuple[Head, ...], other: ModelEntry
    ) -> tuple[ModelEntry, tuple[Head, ...]]:
        names = [head.attribute for head in wanted]
        heads = tuple(head for head in other.answers if head.attribute in names)
        if not heads:
            raise StageError(f"{other.name} cannot stand in for {entry.name}: it does not give {', '.join(names)}")
        self._tell_stand_in(entry.name, other.name)
        return other, heads

    def _tell_stand_in(self, name: str, other: str) -> None:
        self.context.facts[name] = f"is not on this machine: {other} stands in"
        self.log.info("%s is not on this machine: %s stands in", name, other)

    def _load(self, chosen: _Chosen) -> _Loaded:
        def opened(device: Device) -> Network:
            threads = self.options.threads or self.context.threads
            return open_network(chosen.files, Execution(device, threads, self.options.precision))

        what = f"device of {chosen.name}"
        network = self.as_chosen(what, self.options.device, opened, lambda network: network.device)
        where = told(network)
        self.context.facts[chosen.name] = where
        self.log.info("%s %s", chosen.name, where)
        attributes = tuple(head.attribute for head in chosen.heads)
        if chosen.file is None:
            classifier = Classifier(network, chosen.facts, chosen.heads)
        else:
            classifier = classifier_of(msgspec.structs.replace(chosen.file, heads=chosen.heads), network)
        return _Loaded(chosen.name, chosen.crop, chosen.whole, classifier, attributes)


def _merged(chosen: Sequence[_Chosen]) -> list[_Chosen]:
    """The same models, but a stand-in for several is listed once, with all their answers."""
    merged: dict[str, _Chosen] = {}
    for number, model in enumerate(chosen):
        before = merged.get(model.name)
        if before is not None and msgspec.structs.replace(model, heads=before.heads) == before:
            merged[model.name] = msgspec.structs.replace(before, heads=(*before.heads, *model.heads))
        else:
            merged[f"{model.name} {number}" if before else model.name] = model
    return list(merged.values())


def _store(options: ClassifyOptions, lent: Mapping[str, Path] | None = None) -> ModelStore:
    return ModelStore(Path(options.model_dir) if options.model_dir else None, lent=lent)


def _is_absent(model: str, store: ModelStore) -> bool:
    """Whether a run downloads it. What else is wrong is told when it is opened."""
    try:
        return store.find(find_classifier(model)) is None
    except CannotLoadError:
        return False


def _in_folder(path: Path, store: ModelStore) -> str:
    """Where a file is that is not where the user says, as text: in the user's folder; or nothing."""
    there = store.folder / path.name if store.folder else None
    return f"; {there} is one: say `model: {there}`" if there and there.is_file() and not path.exists() else ""


def _from_file(options: ClassifierOptions, store: ModelStore) -> _Chosen:
    path = Path(options.model)
    if elsewhere := _in_folder(path, store):
        raise StageError(f"{path}: there is no such file{elsewhere}")
    file = described(path, _asked(options))
    return _Chosen(options.model, [path], file.facts, file.heads, file.crop, file.whole, file)


def _found(name: str, store: ModelStore) -> ModelEntry:
    """The catalogue's entry. Raises UnknownModelError, which names a file in the user's folder that may be meant."""
    try:
        return find_classifier(name)
    except UnknownModelError as error:
        path = store.own_file(name)
        if path is None:
            raise
        raise UnknownModelError(f"{path} is not in the catalogue; to use that file, say `model: {path}`") from error


def _from_entry(entry: ModelEntry, heads: tuple[Head, ...], options: ClassifierOptions, store: ModelStore) -> _Chosen:
    crop = entry.crop or _asked(options).cut(max(options.height, options.width))
    return _Chosen(entry.name, store.need(entry), entry.input, heads, crop, crop)


def _asked(options: ClassifierOptions) -> Asked:
    """What the user says. Raises WrongLabelsError, OSError."""
    return Asked(
        name=options.name,
        labels=labels_in(Path(options.labels)) if options.labels else (),
        output=options.output,
        answer=options.answer,
        height=options.height,
        width=options.width,
        order=options.order,
        mean=None if options.mean is None else tuple(options.mean),
        scale=options.scale,
        crop=options.crop,
        margin=options.margin,
        padding=options.padding,
    )


def _attribute(answer: Answer) -> Attribute:
    score = None if answer.score is None else round(answer.score, 6)
    return Attribute(answer.label, score, answer.value)
