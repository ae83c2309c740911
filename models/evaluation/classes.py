"""Accuracy of a classifier, overall and by class."""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from framewire.models.catalogue.model_entry import Head
from framewire.models.classifiers.classifier import Classifier
from framewire.models.crops.face_crop import FaceCrop
from framewire.models.datasets.class_words import places
from framewire.models.datasets.labelled_pictures import LabelledPictures, iterate
from framewire.models.evaluation.found_face import found_face
from framewire.models.evaluation.rounds import in_rounds
from framewire.models.finders.face_finder import FaceFinder
from framewire.models.picture import Picture


class ClassFigures(Struct, frozen=True):
    """Accuracy overall and by class; `confusion[i][j]` counts pictures of class i that were classified as j.

    `other[i]` counts those of class i that got a label that the data has no class for; `missed` pictures in which the
    detector, if there was one, found no face: they count nowhere else. `head` is the answer that was measured, and
    `left_out` counts the pictures that are of another split, such as those that the model was trained on; `unknown` are
    the classes that it has no label for, and is wrong on.
    """

    count: int
    missed: int
    accuracy: float
    per_class: dict[str, float]
    confusion: list[list[int]]
    other: list[int]
    classes: list[str]
    head: str = ""
    left_out: int = 0
    unknown: list[str] = []


def evaluate_classes(
    classifier: Classifier, head: Head, data: LabelledPictures, finder: FaceFinder | None, crop: FaceCrop | None
) -> ClassFigures:
    """Measure on pictures that are crops already; with a `finder`, on the faces it finds, cropped as in a pipeline.

    Raises ValueError if none of the data's classes is a model label, or if no picture is left.
    """
    place_of = places(_told_labels(head), data.classes)
    crops: list[Picture] = []
    labels: list[int] = []
    for picture, label in iterate(data):
        cut = picture if finder is None else found_face(picture, finder, crop)
        if cut is not None:
            crops.append(cut)
            labels.append(label)
    if not crops:
        missed = len(data.labels)
        raise ValueError(f"no face found in its {missed} pictures" if missed else "it has no pictures")
    confusion = np.zeros((len(data.classes), len(data.classes) + 1), np.int64)
    for answer, label in zip(in_rounds(classifier, crops), labels, strict=True):
        # A picture without an answer, since the model gave no finite number for it, is wrong.
        told = place_of.get(answer[head.attribute].label) if head.attribute in answer else None
        confusion[label, len(data.classes) if told is None else told] += 1
    right = confusion.diagonal()
    return ClassFigures(
        count=len(labels),
        missed=len(data.labels) - len(labels),
        accuracy=round(float(right.sum() / max(1, len(labels))), 4),
        per_class=_by_class(data.classes, right, confusion.sum(axis=1)),
        confusion=confusion[:, :-1].tolist(),
        other=confusion[:, -1].tolist(),
        classes=list(data.classes),
        head=head.attribute,
        unknown=[name for place, name in enumerate(data.classes) if place not in place_of.values()],
    )


def _told_labels(head: Head) -> tuple[str, ...]:
    """What it answers with: of one label, it or `not` it."""
    return (head.labels[0], f"not {head.labels[0]}") if len(head.labels) == 1 else head.labels


def _by_class(
    classes: Sequence[str], right: "np.ndarray[tuple[int], np.dtype[np.int64]]", of: Sequence[int]
) -> dict[str, float]:
    return {name: round(float(hits / max(1, count)), 4) for name, hits, count in zip(classes, right, of, strict=True)}
