"""`framewire evaluate`: measures a model on labelled data."""

import zipfile
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from msgspec import Struct
from rich.console import Console
from rich.table import Table

from framewire.models.cannot_load import CannotLoadError
from framewire.models.catalogue.entries import UnknownModelError, find_entry
from framewire.models.catalogue.model_entry import Head, ModelEntry
from framewire.models.classifiers.load_classifier import load_classifier
from framewire.models.datasets.labelled_pictures import LabelledPictures, read_classes, read_listed, read_npz
from framewire.models.datasets.picture_files import picture_files
from framewire.models.datasets.trained_on import TrainedOn
from framewire.models.datasets.utkface import people_in, person_of
from framewire.models.evaluation.age_gender import AgeGenderFigures, evaluate_age_gender, people_of
from framewire.models.evaluation.charts import draw
from framewire.models.evaluation.classes import ClassFigures, evaluate_classes
from framewire.models.evaluation.faces import BOXES, FaceFigures, boxed_pictures, evaluate_faces
from framewire.models.finders.face_finder import FaceFinder, Thresholds
from framewire.models.finders.haar_finder import HaarFinder
from framewire.models.finders.load_face_finder import load_face_finder
from framewire.models.runtime.provider import Execution
from framewire.models.store.model_store import PACKAGED, ModelStore

FAILED = 1
WRONG = 2
SHORT_NAMES = {"age-gender": "framewire-age-gender", "emotion": "framewire-emotion", "face_detect": "haar"}
"""Short names of our own models, and of what a stage runs by default."""
HAAR = "haar"
SCORE = 0.6
"""Lowest score of faces found before a classifier is measured: the data's pictures do show a face."""
LEAST_SCORE = 0.02
"""Lowest score when measuring a detector: its curve needs uncertain faces, too."""
NMS = 0.3
FINDER_WIDTH = 640

Figures = ClassFigures | AgeGenderFigures | FaceFigures


class Split(StrEnum):
    """Which part of the data: by default what our own model was not trained on."""

    VALIDATION = "validation"
    TRAIN = "train"
    ALL = "all"


class Data(Struct, frozen=True):
    """The data to use."""

    path: Path
    split: Split
    listing: Path | None


def evaluate(
    model: Annotated[
        str,
        typer.Argument(help="emotion, age-gender, face_detect (Haar), or a model in the catalogue", show_default=False),
    ],
    data: Annotated[
        Path,
        typer.Option(
            exists=True,
            help="An .npz; a .zip or folder with one folder per class, or named like UTKFace; "
            f"for detectors a folder with {BOXES}",
        ),
    ],
    split: Annotated[Split, typer.Option(help="Part of the data, if it has parts")] = Split.VALIDATION,
    labels: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="A .csv listing each picture and its class")
    ] = None,
    detector: Annotated[str, typer.Option(help="Find the faces first: haar, or a detector in the catalogue")] = "",
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file")] = None,
    pictures: Annotated[Path, typer.Option(help="Folder for the chart of the figures")] = Path("out/evaluation"),
    model_dir: Annotated[Path | None, typer.Option("--model-dir", help="Folder with your own model files")] = None,
) -> None:
    """Measure a model on labelled data, through the code that pipelines run."""
    name = SHORT_NAMES.get(model, model)
    picture = pictures / f"{name}-on-{data.stem}{f'-with-{detector}' if detector else ''}.png"
    try:
        figures = measure(name, Data(data, split, labels), detector, ModelStore(model_dir))
        draw(figures, f"{name} on {data.name}", picture)
    except UnknownModelError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(WRONG) from error
    except (KeyError, ValueError, zipfile.BadZipFile) as error:
        typer.echo(f"error: cannot evaluate on {data}: {error}", err=True)
        raise typer.Exit(WRONG) from error
    except (CannotLoadError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(FAILED) from error
    show(figures)
    typer.echo(f"chart: {picture}")
    if json_file is not None:
        json_file.write_bytes(msgspec.json.format(msgspec.json.encode(figures), indent=2) + b"\n")


def measure(name: str, data: Data, detector: str, store: ModelStore) -> Figures:
    """The figures of a model. Raises CannotLoadError, OSError, ValueError, KeyError, BadZipFile."""
    if name == HAAR or find_entry(name).task == "face detection":
        return evaluate_faces(_finder(name, LEAST_SCORE, store), boxed_pictures(data.path))
    entry = find_entry(name)
    finder = _finder(detector, SCORE, store) if detector else None
    classifier = load_classifier(entry, store, Execution("cpu"))
    if data.path.suffix != ".npz" and data.listing is None and _named_as_utkface(data.path):
        trained_on = TrainedOn.read(PACKAGED / entry.trained_on) if entry.trained_on else TrainedOn.of([])
        people = people_of(people_in(data.path), data.split, trained_on)
        return evaluate_age_gender(entry, classifier, people, finder)
    return evaluate_classes(classifier, _only_head(entry), _labelled(data), finder, entry.crop)


def show(figures: Figures) -> None:
    """Print the figures as a table."""
    table = Table(box=None, pad_edge=False)
    table.add_column("figure")
    table.add_column("value", justify="right")
    for name, value in msgspec.structs.asdict(figures).items():
        if isinstance(value, int | float):
            table.add_row(name, f"{value:g}")
    if isinstance(figures, AgeGenderFigures):
        for name, some in {**figures.by_age, **figures.by_group}.items():
            table.add_row(f"  {name}, {some.count}", f"{some.age_mae:.1f} years, {some.gender_accuracy:.1%}")
    if isinstance(figures, ClassFigures):
        for (name, share), row, other in zip(figures.per_class.items(), figures.confusion, figures.other, strict=True):
            table.add_row(f"  {name}, {sum(row) + other}", f"{share:.1%}")
    Console().print(table)


def _labelled(data: Data) -> LabelledPictures:
    if data.path.suffix == ".npz":
        return read_npz(data.path, data.split)
    return read_listed(data.path, data.listing) if data.listing else read_classes(data.path)


def _only_head(entry: ModelEntry) -> Head:
    if len(entry.answers) != 1:
        raise ValueError(f"{entry.name} predicts {len(entry.answers)} attributes, but pictures have one label")
    return entry.answers[0]


def _named_as_utkface(data: Path) -> bool:
    return any(True for _ in picture_files(data, lambda name: person_of(name) is not None))


def _finder(name: str, score: float, store: ModelStore) -> FaceFinder:
    if name == HAAR:
        return HaarFinder()
    return load_face_finder(name, Thresholds(score, NMS), FINDER_WIDTH, store, Execution("cpu"))
