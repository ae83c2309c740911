"""Age error and gender accuracy, overall, by age and by group."""

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from framewire.models.catalogue.age_ranges import AgeRanges
from framewire.models.catalogue.model_entry import Head
from framewire.models.classifiers.classifier import Classifier
from framewire.models.crops.face_crop import FaceCrop
from framewire.models.datasets.class_words import key
from framewire.models.datasets.utkface import Person
from framewire.models.evaluation.found_face import found_face
from framewire.models.evaluation.rounds import in_rounds
from framewire.models.finders.face_finder import FaceFinder
from framewire.models.picture import Picture
from framewire.models.runtime.network import ModelError

GENDERS = ("male", "female")
"""By the number in a picture's name; a model's own order and words do not matter."""
GROWN_FROM = 13
"""Gender is also measured from this age on: small children's faces hardly show it."""


class GroupFigures(Struct, frozen=True):
    """The same figures for one group."""

    count: int
    age_mae: float
    gender_accuracy: float


class AgeGenderFigures(Struct, frozen=True):
    """Age error in years; fractions of ages in the right Levi and Hassner range, and within one of it.

    `ages` are (true, predicted) of each person, in years. `left_out` counts the pictures that are of another split.
    """

    count: int
    missed: int
    age_mae: float
    age_range_exact: float
    age_range_within_one: float
    gender_accuracy: float
    gender_accuracy_13_plus: float
    by_age: dict[str, GroupFigures]
    by_group: dict[str, GroupFigures]
    ages: list[tuple[int, float]]
    left_out: int = 0


class Answering(Protocol):
    """A model, as far as this needs to know it."""

    @property
    def name(self) -> str:
        """In messages."""

    @property
    def answers(self) -> tuple[Head, ...]:
        """Its heads."""

    @property
    def crop(self) -> FaceCrop | None:
        """How a face is cut out for it."""


def evaluate_age_gender(
    entry: Answering, classifier: Classifier, people: Iterable[tuple[Picture, Person]], finder: FaceFinder | None
) -> AgeGenderFigures:
    """Measure on pictures that are crops already; with a `finder`, on the faces it finds, cropped as in a pipeline.

    A face that the finder does not find counts as missed, and nowhere else. Raises ModelError if the model does not
    predict both, ValueError if there are no people.
    """
    age, ranges = _age_head(entry)
    crops: list[Picture] = []
    known: list[Person] = []
    missed = 0
    for picture, person in people:
        cut = picture if finder is None else found_face(picture, finder, entry.crop)
        if cut is None:
            missed += 1
            continue
        crops.append(cut)
        known.append(person)
    if not known:
        none = f"no face found in its {missed} pictures" if missed else "it has no usable pictures"
        raise ValueError(f"{none}; names must be age_gender_race_id.jpg, and --split excludes some of them")
    answers = in_rounds(classifier, crops)
    years = np.array([answer[age].value for answer in answers], np.float64)
    ages = np.array([person.age for person in known])
    right_range = AgeRanges(ranges)
    of_range = [right_range.of(person.age) for person in known]
    steps = np.array(
        [
            abs(ranges.index(answer[age].label) - ranges.index(right))
            for answer, right in zip(answers, of_range, strict=True)
        ]
    )
    right = np.array(
        [key(answer["gender"].label) == GENDERS[person.gender] for answer, person in zip(answers, known, strict=True)]
    )
    errors = np.abs(years - ages)
    groups = [person.group for person in known]
    grown = right[ages >= GROWN_FROM]
    return AgeGenderFigures(
        count=len(known),
        missed=missed,
        age_mae=round(float(errors.mean()), 3),
        age_range_exact=round(float((steps == 0).mean()), 4),
        age_range_within_one=round(float((steps <= 1).mean()), 4),
        gender_accuracy=round(float(right.mean()), 4),
        gender_accuracy_13_plus=round(float(grown.mean()), 4) if len(grown) else 0.0,
        by_age={name: _of(name, of_range, errors, right) for name in ranges if name in of_range},
        by_group={name: _of(name, groups, errors, right) for name in sorted(set(groups))},
        ages=[(int(age), round(float(told), 1)) for age, told in zip(ages, years, strict=True)],
    )


def tells_age_and_gender(entry: Answering) -> bool:
    """Whether it predicts both age, in years, and gender."""
    return any(head.kind == "age" for head in entry.answers) and any(
        head.attribute == "gender" for head in entry.answers
    )


def _age_head(entry: Answering) -> tuple[str, tuple[str, ...]]:
    """The name of its answer of an age, and the ranges."""
    ages = [head for head in entry.answers if head.kind == "age"]
    genders = [head.labels for head in entry.answers if head.attribute == "gender"]
    if not ages or not genders:
        raise ModelError(f"{entry.name} does not predict both age, in years, and gender: it cannot be measured here")
    if {key(label) for label in genders[0]} != set(GENDERS):
        raise ModelError(f"{entry.name} has genders {', '.join(genders[0])}, not male and female")
    return ages[0].attribute, ages[0].labels


def _of(name: str, names: Sequence[str], errors: NDArray[np.float64], right: NDArray[np.bool_]) -> GroupFigures:
    chosen = np.array([other == name for other in names])
    return GroupFigures(
        int(chosen.sum()), round(float(errors[chosen].mean()), 2), round(float(right[chosen].mean()), 4)
    )
