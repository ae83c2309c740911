"""Known figures come out, with models whose answers the test decides."""

import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from framewire.models.catalogue.age_ranges import AgeRanges
from framewire.models.catalogue.entries import LEVI_HASSNER_AGES
from framewire.models.catalogue.model_entry import Head, ModelEntry, ModelInput
from framewire.models.classifiers.answer import Answer
from framewire.models.datasets.class_words import places
from framewire.models.datasets.labelled_pictures import (
    LabelledPictures,
    NoPicturesError,
    read_classes,
    read_listed,
    read_npz,
)
from framewire.models.datasets.seen_pictures import SeenPictures
from framewire.models.datasets.trained_on import TrainedOn
from framewire.models.datasets.utkface import Person
from framewire.models.evaluation.age_gender import AgeGenderFigures, evaluate_age_gender
from framewire.models.evaluation.charts import draw
from framewire.models.evaluation.classes import ClassFigures, evaluate_classes
from framewire.models.evaluation.faces import FaceFigures, boxed_pictures, evaluate_faces
from framewire.models.evaluation.measured_model import MeasuredModel
from framewire.models.evaluation.parts import LeftOut, Split
from framewire.models.face import Face
from framewire.models.picture import Picture
from framewire.models.runtime.network import ModelError
from framewire.models.runtime.provider import Device

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
MOOD = Head(attribute="mood", labels=("Happiness", "sad", "bored"))


class Reads:
    """Reads years and gender off a picture's first pixel, as the test wrote them."""

    def classify(self, pictures: Sequence[Picture]) -> list[dict[str, Answer]]:
        answers = []
        for picture in pictures:
            years, gender = float(picture[0, 0, 0]), ("male", "female")[int(picture[0, 0, 1])]
            answers.append(
                {"age": Answer(AgeRanges(LEVI_HASSNER_AGES).of(years), value=years), "gender": Answer(gender)}
            )
        return answers


def shown(years: int, gender: int) -> Picture:
    return np.full((2, 2, 3), (years, gender, 0), np.uint8)


def four_people() -> AgeGenderFigures:
    people = [
        (shown(30, 0), Person(28, 0, True, "white")),
        (shown(40, 1), Person(28, 1, True, "black")),
        (shown(5, 0), Person(5, 1, True, "black")),
        (shown(90, 1), Person(28, 1, True, "asian")),
    ]
    return evaluate_age_gender(ENTRY, Reads(), people, None)  # type: ignore[arg-type]


def test_age_and_gender() -> None:
    figures = four_people()
    assert (figures.count, figures.missed) == (4, 0)
    assert figures.age_mae == (2 + 12 + 0 + 62) / 4
    assert (figures.age_range_exact, figures.age_range_within_one) == (0.5, 0.75)
    assert (figures.gender_accuracy, figures.gender_accuracy_13_plus) == (0.75, 1.0)
    assert figures.by_group["black"].count == 2
    assert figures.by_group["black"].gender_accuracy == 0.5
    assert figures.by_age["(25-32)"].count == 3
    assert figures.ages == [(28, 30.0), (28, 40.0), (5, 5.0), (28, 90.0)]


def test_nobody_to_measure_on_and_a_model_that_does_not_tell_both() -> None:
    with pytest.raises(ValueError, match="no usable pictures"):
        evaluate_age_gender(ENTRY, Reads(), [], None)  # type: ignore[arg-type]
    other = ModelEntry(
        name="moody", task="emotion", runtime="onnxruntime", files=(), licence="", origin="", input=ENTRY.input,
        output="", labels=("sad",),
    )  # fmt: skip
    with pytest.raises(ModelError, match="moody does not predict both age, in years, and gender"):
        evaluate_age_gender(other, Reads(), [], None)  # type: ignore[arg-type]


class Says:
    """Says what it was told to."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = list(words)

    def classify(self, pictures: Sequence[Picture]) -> list[dict[str, Answer]]:
        return [{"mood": Answer(self._words.pop(0))} for _ in pictures]


def moods(words: Sequence[str], labels: Sequence[int], classes: Sequence[str]) -> ClassFigures:
    data = LabelledPictures([shown(0, 0)] * len(labels), list(labels), list(classes))
    return evaluate_classes(Says(words), MOOD, data, None, None)  # type: ignore[arg-type]


def test_classes_go_by_their_meaning_and_what_has_no_class_is_wrong() -> None:
    figures = moods(["sad", "Happiness", "Happiness", "bored", "sad"], [1, 0, 0, 0, 1], ["happy", "sadness"])
    assert figures.accuracy == 0.8
    assert (figures.confusion, figures.other) == ([[2, 0], [0, 2]], [1, 0])
    assert figures.per_class == {"happy": pytest.approx(0.6667), "sadness": 1.0}


def test_classes_that_the_model_does_not_know_at_all() -> None:
    with pytest.raises(ValueError, match=r"its classes \(cat, dog\) are not the model's labels"):
        moods(["sad"], [0], ["cat", "dog"])
    assert places(["anger", "calm"], ["Neutral", "angry"]) == {"anger": 1, "calm": 0}


class Finds:
    """A detector that returns the given faces, picture by picture."""

    device: Device = "cpu"
    provider = ""
    fallback = ""

    def __init__(self, faces: Sequence[list[Face]]) -> None:
        self._faces = list(faces)

    def find(self, pictures: Sequence[Picture]) -> list[list[Face]]:
        return [self._faces.pop(0) for _ in pictures]


def test_a_picture_in_which_no_face_is_found_is_missed() -> None:
    finder = Finds([[Face((10, 10, 20, 20), 0.9)], []])
    data = LabelledPictures([np.zeros((48, 48, 3), np.uint8)] * 2, [0, 1], ["happy", "sad"])
    figures = evaluate_classes(Says(["Happiness"]), MOOD, data, finder, None)  # type: ignore[arg-type]
    assert (figures.count, figures.missed, figures.accuracy) == (1, 1, 1.0)


def three_pictures() -> FaceFigures:
    blank = np.zeros((100, 100, 3), np.uint8)
    found = [
        [Face((0, 0, 10, 10), 0.9), Face((1, 1, 10, 10), 0.5)],
        [Face((50, 50, 10, 10), 0.8)],
        [Face((20, 20, 10, 10), 0.7)],
    ]
    there: list[list[tuple[float, float, float, float]]] = [[(0, 0, 10, 10)], [(0, 0, 10, 10)], [(21, 20, 10, 10)]]
    return evaluate_faces(Finds(found), [(blank, boxes) for boxes in there])


def test_recall_and_precision() -> None:
    """By falling score: hit, miss, hit, and a second box on a matched face."""
    figures = three_pictures()
    assert (figures.pictures, figures.count) == (3, 3)
    assert figures.recall == pytest.approx(2 / 3, abs=1e-4)
    assert figures.precision == 0.5
    assert figures.average_precision == pytest.approx((1 + 2 / 3) / 3, abs=1e-4)


def test_boxes_are_read_from_a_list(tmp_path: Path) -> None:
    write_picture(tmp_path / "one.png")
    write_picture(tmp_path / "two.png")
    (tmp_path / "boxes.csv").write_text("picture,x,y,width,height\none.png,1,2,3,4\none.png,5,6,7,8\n")
    assert [boxes for _, boxes in boxed_pictures(tmp_path)] == [[(1, 2, 3, 4), (5, 6, 7, 8)], []]
    (tmp_path / "boxes.csv").write_text("picture,x,y,width,height\none.png,1,2,3\n")
    with pytest.raises(ValueError, match=r"boxes\.csv, line 2"):
        list(boxed_pictures(tmp_path))


@pytest.mark.parametrize(
    "figures", [four_people, three_pictures, lambda: moods(["sad", "bored"], [1, 0], ["happy", "sad"])]
)
def test_figures_can_be_looked_at(
    figures: Callable[[], ClassFigures | AgeGenderFigures | FaceFigures], tmp_path: Path
) -> None:
    path = tmp_path / "new" / "figures.png"
    draw(figures(), "A title", path)
    picture = cv2.imread(str(path))
    assert picture is not None
    assert picture.shape[0] > 400
    # Neither empty nor all ink.
    assert 0.3 < (picture > 250).all(axis=2).mean() < 0.99


def test_splits() -> None:
    """People go by their files' names, pictures by their pixels."""
    people = [(shown(age, 0), Person(age, 0, True, name=f"{age}_0_0_x.jpg")) for age in (1, 2)]
    names = TrainedOn.of(["folder/2_0_0_x.jpg"])
    by_name = MeasuredModel("test", Reads(), ENTRY.answers, None, names=names)  # type: ignore[arg-type]
    by_pixels = MeasuredModel("test", Reads(), ENTRY.answers, None, seen=SeenPictures.of([shown(2, 0)]))  # type: ignore[arg-type]
    for model in (by_name, by_pixels):
        ages = {split: [person.age for _, person in LeftOut(model, split).of_people(people)] for split in Split}
        assert ages == {Split.VALIDATION: [1], Split.TRAIN: [2], Split.ALL: [1, 2]}


def test_npz_with_and_without_splits(tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    np.savez(path, images=np.zeros((3, 4, 4), np.uint8), labels=[0, 1, 0], classes=["a", "b"])
    data = read_npz(path, "validation")
    assert (data.pictures[0].shape, data.labels, data.classes) == ((4, 4, 3), [0, 1, 0], ["a", "b"])
    np.savez(
        path,
        train_images=np.zeros((1, 4, 4, 3), np.uint8),
        train_labels=[1],
        validation_images=np.zeros((2, 4, 4, 3), np.uint8),
        validation_labels=[0, 0],
        classes=["a", "b"],
    )
    assert read_npz(path, "train").labels == [1]
    assert sorted(read_npz(path, "all").labels) == [0, 0, 1]
    np.savez(path, train_images=np.zeros((1, 4, 4), np.uint8), train_labels=[1], classes=["a", "b"])
    with pytest.raises(KeyError):
        read_npz(path, "validation")
    np.savez(path, train_images=np.zeros((1, 4, 4), np.uint8), train_labels=[2], classes=["a", "b"])
    with pytest.raises(ValueError, match="none of its 2 classes"):
        read_npz(path, "train")


def write_picture(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.zeros((8, 8, 3), np.uint8))
    return path


def test_a_folder_for_each_class_also_in_a_zip(tmp_path: Path) -> None:
    files = [write_picture(tmp_path / "data" / name) for name in ("sad/1.png", "happy/1.png", "happy/2.png")]
    (tmp_path / "data" / "sad" / "notes.txt").write_text("not a picture")
    archive = tmp_path / "data.zip"
    with zipfile.ZipFile(archive, "w") as writing:
        for file in files:
            writing.write(file, file.relative_to(tmp_path))
    for place in (tmp_path / "data", archive):
        data = read_classes(place)
        assert (data.classes, data.labels) == (["happy", "sad"], [0, 0, 1])


def test_a_list_beside_the_pictures(tmp_path: Path) -> None:
    for name in ("1.png", "2.png", "3.png"):
        write_picture(tmp_path / "data" / name)
    listing = tmp_path / "list.csv"
    listing.write_text("image,emotion\n1.png,sad\n3.png,happy\n9.png,angry\n")
    data = read_listed(tmp_path / "data", listing)
    assert (data.classes, data.labels) == (["happy", "sad"], [1, 0])
    listing.write_text("image,emotion\n9.png,angry\n")
    with pytest.raises(NoPicturesError, match="lists none of its pictures"):
        read_listed(tmp_path / "data", listing)
    with pytest.raises(NoPicturesError, match="no pictures in folders"):
        read_classes(tmp_path / "data")


def test_a_list_of_several_answers_is_read_by_its_headings(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        assert cv2.imwrite(str(tmp_path / folder / "1.png"), np.zeros((4, 4, 3), np.uint8))
    listing = tmp_path / "list.csv"
    listing.write_text("name,shape,colour\na/1.png,round,red\nb/1.png,flat,\n")
    # One name in two folders: each has its own line.
    assert read_listed(tmp_path, listing).classes == ["flat", "round"]
    assert len(read_listed(tmp_path, listing).labels) == 2
    assert read_listed(tmp_path, listing, "colour").classes == ["red"]
    listing.write_text("name,shape\nelsewhere/1.png,round\n")
    assert read_listed(tmp_path, listing).labels == [0, 0]
