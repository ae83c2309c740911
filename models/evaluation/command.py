"""`framewire evaluate`: measures a model on labelled data."""

import zipfile
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from msgspec import Struct
from rich.console import Console
from rich.table import Table
from rich.text import Text

from framewire.models.cannot_load import CannotLoadError
from framewire.models.catalogue.entries import CATALOGUE, UnknownModelError, find_entry
from framewire.models.classifiers.file_classifier import NoLabelsError
from framewire.models.crops.face_crop import FaceCrop
from framewire.models.datasets.array_pictures import ArrayOrder
from framewire.models.datasets.labelled_pictures import (
    LabelledPictures,
    NoPicturesError,
    read_classes,
    read_listed,
    read_npz,
)
from framewire.models.datasets.picture_files import picture_files
from framewire.models.datasets.utkface import people_in, person_of
from framewire.models.evaluation.age_gender import AgeGenderFigures, evaluate_age_gender, tells_age_and_gender
from framewire.models.evaluation.charts import draw
from framewire.models.evaluation.classes import ClassFigures, evaluate_classes
from framewire.models.evaluation.faces import BOXES, FaceFigures, boxed_pictures, evaluate_faces
from framewire.models.evaluation.measured_model import MeasuredModel, head_for, load_measured, names_file
from framewire.models.evaluation.parts import LeftOut, Split
from framewire.models.finders.face_finder import FaceFinder, Thresholds
from framewire.models.finders.haar_finder import HaarFinder
from framewire.models.finders.load_face_finder import load_face_finder
from framewire.models.plain_text import plain
from framewire.models.runtime.provider import Execution
from framewire.models.store.model_store import ModelStore

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


class Data(Struct, frozen=True):
    """The data to use."""

    path: Path
    split: Split
    listing: Path | None = None
    head: str = ""
    """Which of several answers the classes are of; empty: the one whose labels they are."""
    labels_file: Path | None = None
    """The labels of an .onnx file without a card."""
    colours: str = ""
    """Of an .npz: RGB or BGR; empty: what is assumed."""


def evaluate(
    model: Annotated[
        str,
        typer.Argument(
            help="emotion, age-gender, face_detect (Haar), a model in the catalogue, or an .onnx file",
            show_default=False,
        ),
    ],
    data: Annotated[
        Path,
        typer.Option(
            exists=True,
            help="An .npz; a .zip or folder with one folder per class, or named like UTKFace; "
            f"for detectors a folder with {BOXES}",
        ),
    ],
    split: Annotated[
        Split, typer.Option(help="Part of the data; validation: what the model was not trained on")
    ] = Split.VALIDATION,
    labels: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="A .csv listing each picture and its class")
    ] = None,
    head: Annotated[str, typer.Option(help="Which of a model's answers; default: the one the classes fit")] = "",
    labels_file: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Labels of an .onnx file without a card, one per line"),
    ] = None,
    colours: Annotated[
        ArrayOrder, typer.Option(help="Order in an .npz; auto: its `order`, or RGB for x_train, else BGR")
    ] = ArrayOrder.AUTO,
    detector: Annotated[str, typer.Option(help="Find the faces first: haar, or a detector in the catalogue")] = "",
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file")] = None,
    pictures: Annotated[Path, typer.Option(help="Folder for the chart of the figures")] = Path("out/evaluation"),
    model_dir: Annotated[Path | None, typer.Option("--model-dir", help="Folder with your own model files")] = None,
) -> None:
    """Measure a model on labelled data, through the code that pipelines run."""
    name = SHORT_NAMES.get(model, model)
    known = Path(name).stem if _names_file(name) else name
    picture = pictures / f"{known}-on-{data.stem}{f'-with-{detector}' if detector else ''}.png"
    if _names_file(name) and not Path(name).is_file():
        typer.echo(f"error: {name}: {'it is not a file' if Path(name).exists() else 'there is no such file'}", err=True)
        raise typer.Exit(WRONG)
    try:
        asked = Data(data, split, labels, head, labels_file, colours.taken)
        figures = measure(name, asked, detector, ModelStore(model_dir))
        draw(figures, f"{known} on {data.name}", picture)
        if json_file is not None:
            json_file.write_bytes(msgspec.json.format(msgspec.json.encode(figures), indent=2) + b"\n")
    except UnknownModelError as error:
        own = ModelStore(model_dir).own_file(name)
        typer.echo(f"error: {error}" + (f"; or say {own}" if own else ""), err=True)
        raise typer.Exit(WRONG) from error
    except NoLabelsError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(WRONG) from error
    except (KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        typer.echo(f"error: cannot evaluate on {data}: {error}", err=True)
        raise typer.Exit(WRONG) from error
    except (CannotLoadError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(FAILED) from error
    show(figures, split)
    typer.echo(f"chart: {picture}")


def measure(name: str, data: Data, detector: str, store: ModelStore) -> Figures:
    """The figures of a model. Raises CannotLoadError, OSError, ValueError, KeyError, BadZipFile."""
    if name == HAAR or (not _names_file(name) and find_entry(name).task == "face detection"):
        return evaluate_faces(_finder(name, LEAST_SCORE, store), boxed_pictures(data.path))
    finder = _finder(detector, SCORE, store) if detector else None
    model = load_measured(name, store, data.labels_file)
    if _names_file(name) and model.seen is None and data.split != Split.ALL:
        _tell_unknown(model.name, data.split)
    part = LeftOut(model, data.split)
    listed = data.path.suffix.lower() == ".npz" or data.listing is not None
    # Of a file with another answer than a person's, names such as 1_0_5_3.png mean nothing.
    of_people = not data.head and (tells_age_and_gender(model) or not _names_file(name))
    if not listed and of_people and _named_as_utkface(data.path):
        return _measured_people(model, data, part, finder)
    pictures = _labelled(data, model)
    head = head_for(model, pictures.classes, data.head)
    kept = part.of_pictures(pictures)
    if finder is None and model.whole is not None:
        kept = _cut(kept, model.whole)
    figures = evaluate_classes(model.classifier, head, kept, finder, model.crop)
    return msgspec.structs.replace(figures, left_out=part.count)


def _tell_unknown(name: str, split: Split) -> None:
    unknown = f"{name} does not say which pictures it was trained on"
    if split == Split.TRAIN:
        raise ValueError(f"{unknown}; leave --split train out")
    typer.echo(f"warning: {unknown}: any of them in this data are measured, too", err=True)


def _cut(data: LabelledPictures, crop: FaceCrop) -> LabelledPictures:
    """The pictures as a pipeline gives whole frames to the model."""
    cut = [crop.cut(picture, (0, 0, picture.shape[1], picture.shape[0])) for picture in data.pictures]
    pairs = [(picture, label) for picture, label in zip(cut, data.labels, strict=True) if picture is not None]
    return LabelledPictures([picture for picture, _ in pairs], [label for _, label in pairs], data.classes)


def _measured_people(model: MeasuredModel, data: Data, part: LeftOut, finder: FaceFinder | None) -> AgeGenderFigures:
    try:
        figures = evaluate_age_gender(model, model.classifier, part.of_people(people_in(data.path)), finder)
    except ValueError as error:
        raise ValueError(part.nothing_left() if part.count and not part.kept else str(error)) from error
    return msgspec.structs.replace(figures, left_out=part.count)


def show(figures: Figures, split: Split = Split.VALIDATION) -> None:
    """Print the figures as a table, and what they leave out."""
    table = Table(box=None, pad_edge=False)
    table.add_column("figure")
    table.add_column("value", justify="right")
    for name, value in msgspec.structs.asdict(figures).items():
        if isinstance(value, int | float):
            table.add_row(name, f"{value:g}")
        elif isinstance(value, str):
            table.add_row(name, _literal(value))
    if isinstance(figures, AgeGenderFigures):
        for name, some in {**figures.by_age, **figures.by_group}.items():
            table.add_row(f"  {name}, {some.count}", f"{some.age_mae:.1f} years, {some.gender_accuracy:.1%}")
    if isinstance(figures, ClassFigures):
        for (name, share), row, other in zip(figures.per_class.items(), figures.confusion, figures.other, strict=True):
            count = sum(row) + other
            table.add_row(_literal(f"  {name}, {count}"), f"{share:.1%}" if count else "-")
    console = Console()
    console.print(table)
    if not isinstance(figures, FaceFigures) and figures.left_out:
        which = "has not seen" if split == Split.TRAIN else "has seen"
        text = f"left out: {figures.left_out} pictures that the model {which} in training (--split all: measure on all)"
        console.print(text, soft_wrap=True)
    if isinstance(figures, ClassFigures) and figures.unknown:
        console.print(_literal(f"not among the model's labels, so wrong: {', '.join(figures.unknown)}"), soft_wrap=True)


def _literal(text: str) -> Text:
    """As it is: in square brackets rich reads colours."""
    return Text(plain(text))


def _labelled(data: Data, model: MeasuredModel) -> LabelledPictures:
    if data.path.suffix.lower() == ".npz":
        return _of_npz(data, model)
    try:
        return read_listed(data.path, data.listing, data.head) if data.listing else read_classes(data.path)
    except NoPicturesError as error:
        if len(model.answers) > 1 and not data.head:
            raise NoPicturesError(f"{model.name} predicts {len(model.answers)} attributes, and {error}") from error
        raise


def _of_npz(data: Data, model: MeasuredModel) -> LabelledPictures:
    if model.seen is None:
        return read_npz(data.path, data.split, data.colours)
    if data.split == Split.VALIDATION:
        try:
            # Either part may have chosen the epoch: the model's own list tells, and leaves that one out.
            return read_npz(data.path, data.split, data.colours, with_test=True)
        except KeyError:
            pass
    return read_npz(data.path, Split.ALL, data.colours)


def _names_file(name: str) -> bool:
    """The catalogue's names go first, whatever lies in the current folder."""
    return name != HAAR and all(entry.name != name for entry in CATALOGUE) and names_file(name)


def _named_as_utkface(data: Path) -> bool:
    return any(True for _ in picture_files(data, lambda name: person_of(name) is not None))


def _finder(name: str, score: float, store: ModelStore) -> FaceFinder:
    if name == HAAR:
        return HaarFinder()
    return load_face_finder(name, Thresholds(score, NMS), FINDER_WIDTH, store, Execution("cpu"))
