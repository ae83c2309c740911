"""Measuring our models on data with known answers, through the same code that a pipeline runs."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from models.catalogue import find_entry
from models.classifier import Answer, Classifier, range_of
from models.face_crop import face_crop
from models.face_finder import FaceFinder, Picture
from models.model_entry import ModelEntry
from models.model_store import ModelStore
from models.utkface import Person

ROUND = 64
"""Pictures that are classified at once."""
GROWN_FROM = 13
"""Years from which gender is measured apart: small children's faces hardly tell it."""
AROUND = 0.5
"""Border, as a share of a crop, that is added so that a detector has something around the face."""


class GroupFigures(Struct, frozen=True):
    """The same for some of the people."""

    count: int
    age_mae: float
    gender_accuracy: float


class AgeGenderFigures(Struct, frozen=True):
    """Age error in years; shares of ages in the right one of Levi and Hassner's ranges, and within one of it."""

    count: int
    missed: int
    age_mae: float
    age_range_exact: float
    age_range_within_one: float
    gender_accuracy: float
    gender_accuracy_13_plus: float
    by_age: dict[str, GroupFigures]
    by_group: dict[str, GroupFigures]


class LabelFigures(Struct, frozen=True):
    """Accuracy over all and by class; `confusion[i][j]` counts pictures of class i that were told as j."""

    count: int
    accuracy: float
    per_class: dict[str, float]
    confusion: list[list[int]]


def load_classifier(name: str, store: ModelStore) -> tuple[ModelEntry, Classifier]:
    """A classifier of the catalogue, on the CPU. Raises what loading raises."""
    entry = find_entry(name)
    (path,) = store.need(entry)
    return entry, Classifier(path, entry.input, entry.answers, "cpu")


def evaluate_age_gender(
    entry: ModelEntry, classifier: Classifier, people: Iterable[tuple[Picture, Person]], finder: FaceFinder | None
) -> AgeGenderFigures:
    """Measure on pictures that are crops already; with a `finder`, on what it finds in them, cut as in a pipeline.

    A face that the finder does not find counts as missed, and in nothing else.
    """
    ranges = next(head.labels for head in entry.heads if head.kind == "age")
    genders = next(head.labels for head in entry.heads if head.kind == "label")
    crops: list[Picture] = []
    known: list[Person] = []
    missed = 0
    for picture, person in people:
        cut = picture if finder is None else _found(picture, finder, entry)
        if cut is None:
            missed += 1
            continue
        crops.append(cut)
        known.append(person)
    answers = _in_rounds(classifier, crops)
    years = np.array([answer["age"].value for answer in answers], np.float64)
    ages = np.array([person.age for person in known])
    steps = np.array(
        [
            abs(ranges.index(answer["age"].label) - ranges.index(range_of(person.age, ranges)))
            for answer, person in zip(answers, known, strict=True)
        ]
    )
    right = np.array(
        [answer["gender"].label == genders[person.gender] for answer, person in zip(answers, known, strict=True)]
    )
    errors = np.abs(years - ages)
    of_range = [range_of(person.age, ranges) for person in known]
    return AgeGenderFigures(
        count=len(known),
        missed=missed,
        age_mae=round(float(errors.mean()), 3),
        age_range_exact=round(float((steps == 0).mean()), 4),
        age_range_within_one=round(float((steps <= 1).mean()), 4),
        gender_accuracy=round(float(right.mean()), 4),
        gender_accuracy_13_plus=round(float(right[ages >= GROWN_FROM].mean()), 4),
        by_age={name: _of(name, of_range, errors, right) for name in ranges if name in of_range},
        by_group={
            name: _of(name, [person.group for person in known], errors, right)
            for name in sorted({person.group for person in known})
        },
    )


def _of(name: str, names: Sequence[str], errors: NDArray[np.float64], right: NDArray[np.bool_]) -> GroupFigures:
    chosen = np.array([other == name for other in names])
    return GroupFigures(
        int(chosen.sum()), round(float(errors[chosen].mean()), 2), round(float(right[chosen].mean()), 4)
    )


def evaluate_labels(
    classifier: Classifier, attribute: str, pictures: Sequence[Picture], labels: Sequence[int], classes: Sequence[str]
) -> LabelFigures:
    """Measure on pictures with known classes, by the names of the classes."""
    answers = _in_rounds(classifier, pictures)
    confusion = np.zeros((len(classes), len(classes)), np.int64)
    places = {name: place for place, name in enumerate(classes)}
    for answer, label in zip(answers, labels, strict=True):
        confusion[label, places[answer[attribute].label]] += 1
    right = confusion.diagonal()
    return LabelFigures(
        count=len(labels),
        accuracy=round(float(right.sum() / max(1, len(labels))), 4),
        per_class={
            name: round(float(right[place] / max(1, confusion[place].sum())), 4) for name, place in places.items()
        },
        confusion=confusion.tolist(),
    )


def people_held_out(people: Iterable[tuple[Picture, Person]], split: str) -> Iterable[tuple[Picture, Person]]:
    """Those of a split: `validation`, `train` or `all`."""
    for picture, person in people:
        if split == "all" or person.held_out == (split == "validation"):
            yield picture, person


def read_npz(path: Path, split: str) -> tuple[list[Picture], list[int], list[str]]:
    """Pictures, labels and classes of an .npz: `images` and `labels`, or those of a split. Raises KeyError, OSError."""
    with np.load(path) as file:
        prefix = "" if "images" in file else f"{split}_"
        images, labels = file[f"{prefix}images"], file[f"{prefix}labels"]
        pictures = [
            np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR) if image.ndim == 2 else image, np.uint8)
            for image in images
        ]
        return pictures, [int(label) for label in labels], [str(name) for name in file["classes"]]


def _found(picture: Picture, finder: FaceFinder, entry: ModelEntry) -> Picture | None:
    border = [round(AROUND * side) for side in picture.shape[:2]]
    wider = cv2.copyMakeBorder(picture, border[0], border[0], border[1], border[1], cv2.BORDER_REPLICATE)
    around = np.asarray(wider, np.uint8)
    (faces,) = finder.find([around])
    if not faces or entry.crop is None:
        return None
    return np.array(face_crop(around, faces[0].box, entry.crop))


def _in_rounds(classifier: Classifier, pictures: Sequence[Picture]) -> list[dict[str, Answer]]:
    answers: list[dict[str, Answer]] = []
    for start in range(0, len(pictures), ROUND):
        answers += classifier.classify(pictures[start : start + ROUND])
    return answers
