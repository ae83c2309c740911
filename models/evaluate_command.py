"""`framewire evaluate`: how good a model is on data with known answers."""

import zipfile
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from models.cannot_load import CannotLoadError
from models.catalogue import UnknownModelError
from models.evaluation import (
    AgeGenderFigures,
    LabelFigures,
    evaluate_age_gender,
    evaluate_labels,
    load_classifier,
    people_held_out,
    read_npz,
)
from models.face_finder import FaceFinder, Thresholds
from models.load_face_finder import load_face_finder
from models.model_store import ModelStore
from models.utkface import people_in

FAILED = 1
WRONG = 2
OURS = {"age-gender": "framewire-age-gender", "emotion": "framewire-emotion"}
"""Short names of our own models."""
FINDER_WIDTH = 256
"""Data sets' crops are small: what a detector needs of them fits into this."""


class Split(StrEnum):
    """Which part of the data: what a model of ours was never trained on, unless you say otherwise."""

    VALIDATION = "validation"
    TRAIN = "train"
    ALL = "all"


def evaluate(
    model: Annotated[str, typer.Argument(help="emotion, age-gender, or a model of the catalogue", show_default=False)],
    data: Annotated[Path, typer.Option(exists=True, help="An .npz, or a .zip or folder named as UTKFace is")],
    split: Annotated[Split, typer.Option(help="Part of the data")] = Split.VALIDATION,
    detector: Annotated[str, typer.Option(help="Find the faces first, with this detector")] = "",
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file")] = None,
    model_dir: Annotated[Path | None, typer.Option("--model-dir", help="A folder of yours with model files")] = None,
) -> None:
    """Measure a model on data with known answers, through the code that pipelines run."""
    store = ModelStore(model_dir)
    try:
        figures = _figures(OURS.get(model, model), data, split, detector, store)
    except UnknownModelError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(WRONG) from error
    except (CannotLoadError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(FAILED) from error
    except (KeyError, ValueError, zipfile.BadZipFile) as error:
        typer.echo(f"error: {data} is not data that can be read here: {error}", err=True)
        raise typer.Exit(WRONG) from error
    _show(figures)
    if json_file is not None:
        json_file.write_bytes(msgspec.json.format(msgspec.json.encode(figures), indent=2) + b"\n")


def _figures(model: str, data: Path, split: Split, detector: str, store: ModelStore) -> AgeGenderFigures | LabelFigures:
    entry, classifier = load_classifier(model, store)
    if data.suffix == ".npz":
        pictures, labels, classes = read_npz(data, split)
        (head,) = entry.answers
        return evaluate_labels(classifier, head.attribute, pictures, labels, classes)
    finder: FaceFinder | None = None
    if detector:
        finder = load_face_finder(detector, Thresholds(0.6, 0.3), FINDER_WIDTH, store, "cpu", 1)
    return evaluate_age_gender(entry, classifier, people_held_out(people_in(data), split), finder)


def _show(figures: AgeGenderFigures | LabelFigures) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("figure")
    table.add_column("value", justify="right")
    for name, value in msgspec.structs.asdict(figures).items():
        if isinstance(value, int | float):
            table.add_row(name, f"{value:g}")
    if isinstance(figures, AgeGenderFigures):
        for name, some in {**figures.by_age, **figures.by_group}.items():
            table.add_row(f"  {name}, {some.count}", f"{some.age_mae:.1f} years, {some.gender_accuracy:.1%}")
    if isinstance(figures, LabelFigures):
        for name, share in figures.per_class.items():
            table.add_row(f"  {name}", f"{share:.1%}")
    Console().print(table)
