"""Which part of the data to measure on: by default what a model was not trained on."""

from collections.abc import Iterable, Iterator
from enum import StrEnum

from framewire.models.datasets.labelled_pictures import LabelledPictures, iterate
from framewire.models.datasets.utkface import Person
from framewire.models.evaluation.measured_model import MeasuredModel
from framewire.models.picture import Picture


class Split(StrEnum):
    """By default what a model was not trained on."""

    VALIDATION = "validation"
    TRAIN = "train"
    ALL = "all"


class LeftOut:
    """Keeps the pictures of a split, and counts the others."""

    def __init__(self, model: MeasuredModel, split: Split) -> None:
        self._model = model
        self._split = split
        self.count = self.kept = 0
        """Pictures left out, and kept."""

    def keeps(self, picture: Picture, name: str = "") -> bool:
        """Whether a picture is of the split; one of which a model says nothing is of any, if it is of no person."""
        seen, names = self._model.seen, self._model.names
        kept = True
        if self._split != Split.ALL and (seen is not None or name):
            known = picture in seen if seen is not None else names is not None and name in names
            kept = known == (self._split == Split.TRAIN)
        self.count += not kept
        self.kept += kept
        return kept

    def of_pictures(self, data: LabelledPictures) -> LabelledPictures:
        """Raises ValueError if none is left."""
        kept = [(picture, label) for picture, label in iterate(data) if self.keeps(picture)]
        if not kept and data.pictures:
            raise ValueError(self.nothing_left())
        return LabelledPictures([picture for picture, _ in kept], [label for _, label in kept], data.classes)

    def of_people(self, people: Iterable[tuple[Picture, Person]]) -> Iterator[tuple[Picture, Person]]:
        """The people whose pictures are of the split."""
        for picture, person in people:
            if self.keeps(picture, person.name):
                yield picture, person

    def nothing_left(self) -> str:
        """Why no picture is left, and what to do."""
        if self._split == Split.TRAIN:
            return f"{self._model.name} has seen none of its {self.count} pictures in training; leave out --split train"
        return (
            f"{self._model.name} has seen all of its {self.count} pictures in training; "
            "measure on others, or say --split all to measure on these"
        )
