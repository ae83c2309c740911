"""A classifier to be measured, of the catalogue or in a file, and what is known of its training."""

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from framewire.models.catalogue.entries import find_entry
from framewire.models.catalogue.model_entry import Head
from framewire.models.classifiers.asked import Asked
from framewire.models.classifiers.classifier import Classifier
from framewire.models.classifiers.file_classifier import NoLabelsError, classifier_of, described, is_file
from framewire.models.classifiers.load_classifier import load_classifier, open_network
from framewire.models.crops.face_crop import FaceCrop
from framewire.models.datasets.class_words import places
from framewire.models.datasets.seen_pictures import SeenPictures
from framewire.models.datasets.trained_on import TrainedOn
from framewire.models.label_file import labels_in
from framewire.models.runtime.network import ModelError
from framewire.models.runtime.provider import Execution
from framewire.models.store.model_store import PACKAGED, ModelStore

SHOWN = 8


class MeasuredModel(Struct, frozen=True):
    """`names` and `seen` tell what it was trained on, by files' names or by pixels; None: nothing is known.

    `crop` cuts faces that are found first, `whole` pictures as they are.
    """

    name: str
    classifier: Classifier
    answers: tuple[Head, ...]
    crop: FaceCrop | None
    whole: FaceCrop | None = None
    names: TrainedOn | None = None
    seen: SeenPictures | None = None


def names_file(model: str) -> bool:
    """Whether a model is given by its file: one whose name ends in .onnx, or any that is there."""
    return is_file(model) or Path(model).is_file()


def load_measured(model: str, store: ModelStore, labels: Path | None = None) -> MeasuredModel:
    """The model of that name, or in that file; `labels` lists those of a file without a card.

    Raises CannotLoadError, OSError.
    """
    if names_file(model):
        return _from_file(Path(model), labels)
    entry = find_entry(model)
    if labels is not None:
        raise ModelError(f"--labels-file is for .onnx files without a card, and {entry.name} is in the catalogue")
    trained_on = TrainedOn.read(PACKAGED / entry.trained_on) if entry.trained_on else None
    classifier = load_classifier(entry, store, Execution("cpu"))
    return MeasuredModel(entry.name, classifier, entry.answers, entry.crop, names=trained_on)


def head_for(model: MeasuredModel, classes: Sequence[str], wanted: str) -> Head:
    """The head of that name, or the one whose labels are most of the data's classes. Raises ValueError."""
    named = ", ".join(head.attribute for head in model.answers)
    if wanted:
        found = next((head for head in model.answers if head.attribute == wanted), None)
        if found is None:
            raise ValueError(f"{model.name} has no head {wanted}; --head takes one of {named}")
        return found
    if len(model.answers) == 1:
        return model.answers[0]
    shared = {head.attribute: _shared(head, classes) for head in model.answers}
    best = [head for head in model.answers if shared[head.attribute] == max(shared.values())]
    if not max(shared.values()):
        raise ValueError(
            f"{model.name} predicts {len(model.answers)} attributes ({named}), but the data's classes "
            f"({', '.join(classes[:SHOWN])}) match the labels of none"
        )
    if len(best) > 1:
        which = ", ".join(head.attribute for head in best)
        raise ValueError(f"{model.name} has several heads whose labels fit the data ({which}); choose one with --head")
    return best[0]


def _from_file(path: Path, labels: Path | None) -> MeasuredModel:
    try:
        file = described(path, Asked(labels=labels_in(labels) if labels else ()))
    except NoLabelsError as error:
        raise NoLabelsError(f"{path}: it has no card: give its labels with --labels-file FILE, one per line") from error
    classifier = classifier_of(file, open_network([path], Execution("cpu")))
    seen = file.card.seen_pictures if file.card is not None else None
    return MeasuredModel(path.stem, classifier, file.heads, file.crop, file.whole, seen=seen or None)


def _shared(head: Head, classes: Sequence[str]) -> int:
    try:
        return len({place for place in places(head.labels, classes).values() if place is not None})
    except ValueError:
        return 0
