"""Figures that are known beforehand come out: with models whose answers the test decides."""

from collections.abc import Sequence

import numpy as np
import pytest

from models.catalogue import LEVI_HASSNER_AGES
from models.classifier import Answer, range_of
from models.evaluation import evaluate_age_gender, evaluate_labels, people_held_out, read_npz
from models.face_finder import Picture
from models.model_entry import Head, ModelEntry, ModelInput
from models.utkface import Person

ENTRY = ModelEntry(
    name="test",
    task="age and gender",
    runtime="onnxruntime",
    files=(),
    licence="",
    origin="",
    input=ModelInput(height=1, width=1, order="BGR"),
    output="",
    heads=(
        Head(attribute="age", labels=LEVI_HASSNER_AGES, kind="age"),
        Head(attribute="gender", labels=("male", "female")),
    ),
)


class Reads:
    """Reads years and gender off a picture's first pixel, as the test has written them there."""

    def classify(self, pictures: Sequence[Picture]) -> list[dict[str, Answer]]:
        answers = []
        for picture in pictures:
            years, gender = float(picture[0, 0, 0]), ("male", "female")[int(picture[0, 0, 1])]
            answers.append({"age": Answer(range_of(years, LEVI_HASSNER_AGES), value=years), "gender": Answer(gender)})
        return answers


def shown(years: int, gender: int) -> Picture:
    return np.full((2, 2, 3), (years, gender, 0), np.uint8)


def test_age_and_gender() -> None:
    people = [
        (shown(30, 0), Person(28, 0, True, "white")),
        (shown(40, 1), Person(28, 1, True, "black")),
        (shown(5, 0), Person(5, 1, True, "black")),
        (shown(90, 1), Person(28, 1, True, "asian")),
    ]
    figures = evaluate_age_gender(ENTRY, Reads(), people, None)  # type: ignore[arg-type]
    assert (figures.count, figures.missed) == (4, 0)
    assert figures.age_mae == (2 + 12 + 0 + 62) / 4
    assert (figures.age_range_exact, figures.age_range_within_one) == (0.5, 0.75)
    assert (figures.gender_accuracy, figures.gender_accuracy_13_plus) == (0.75, 1.0)
    assert figures.by_group["black"].count == 2
    assert figures.by_group["black"].gender_accuracy == 0.5
    assert figures.by_age["(25-32)"].count == 3


class Says:
    """Says what it was told to."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = list(words)

    def classify(self, pictures: Sequence[Picture]) -> list[dict[str, Answer]]:
        return [{"mood": Answer(self._words.pop(0))} for _ in pictures]


def test_labels() -> None:
    pictures = [shown(0, 0)] * 4
    figures = evaluate_labels(Says(["b", "b", "a", "a"]), "mood", pictures, [1, 0, 0, 0], ["a", "b"])  # type: ignore[arg-type]
    assert figures.accuracy == 0.75
    assert figures.confusion == [[2, 1], [0, 1]]
    assert figures.per_class == {"a": pytest.approx(0.6667), "b": 1.0}


def test_splits() -> None:
    people = [(shown(1, 0), Person(1, 0, True)), (shown(2, 0), Person(2, 0, False))]
    assert [person.age for _, person in people_held_out(people, "validation")] == [1]
    assert [person.age for _, person in people_held_out(people, "train")] == [2]
    assert len(list(people_held_out(people, "all"))) == 2


def test_npz_with_and_without_splits(tmp_path: object) -> None:
    path = f"{tmp_path}/data.npz"
    np.savez(path, images=np.zeros((3, 4, 4), np.uint8), labels=[0, 1, 0], classes=["a", "b"])
    pictures, labels, classes = read_npz(path, "validation")  # type: ignore[arg-type]
    assert (pictures[0].shape, labels, classes) == ((4, 4, 3), [0, 1, 0], ["a", "b"])
    np.savez(path, train_images=np.zeros((1, 4, 4, 3), np.uint8), train_labels=[1], classes=["a", "b"])
    assert read_npz(path, "train")[1] == [1]  # type: ignore[arg-type]
    with pytest.raises(KeyError):
        read_npz(path, "validation")  # type: ignore[arg-type]
