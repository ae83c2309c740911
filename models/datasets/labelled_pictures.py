"""Labelled pictures: an .npz, a .zip or folder with one folder per class, or one with a list beside it."""

import csv
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import cv2
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from framewire.models.datasets.picture_files import PICTURE_SUFFIXES, picture_files
from framewire.models.picture import Picture


class LabelledPictures(Struct, frozen=True):
    """Pictures, the class index of each, and the class names."""

    pictures: list[Picture]
    labels: list[int]
    classes: list[str]


class NoPicturesError(ValueError):
    """The data has no pictures to measure on."""


def read_npz(path: Path, split: str) -> LabelledPictures:
    """`images` and `labels` (or `validation_images`, ... by split) and `classes` of an .npz.

    Images are uint8 (n, h, w) grey or (n, h, w, 3) BGR. Raises KeyError, ValueError, OSError.
    """
    with np.load(path) as file:
        prefix = "" if "images" in file else f"{split}_"
        if split == "all" and prefix:
            parts = [name.removesuffix("images") for name in file.files if name.endswith("_images")]
        else:
            parts = [prefix]
        images = [image for part in parts for image in file[f"{part}images"]]
        labels = [int(label) for part in parts for label in file[f"{part}labels"]]
        classes = [str(name) for name in file["classes"]]
    wrong = [label for label in labels if not 0 <= label < len(classes)]
    if wrong or len(images) != len(labels):
        raise ValueError(f"{len(images)} images, {len(labels)} labels, {len(classes)} classes: they do not fit")
    return LabelledPictures([_colour(image) for image in images], labels, classes)


def read_classes(data: Path) -> LabelledPictures:
    """A .zip or folder whose folders are the classes. Raises NoPicturesError, OSError, BadZipFile."""
    found = [(PurePosixPath(name).parent.name, picture) for name, picture in picture_files(data)]
    classes = sorted({word for word, _ in found if word})
    if not classes:
        raise NoPicturesError("it has no pictures in folders named for their classes")
    kept = [(word, picture) for word, picture in found if word]
    return LabelledPictures([picture for _, picture in kept], [classes.index(word) for word, _ in kept], classes)


def read_listed(data: Path, listing: Path) -> LabelledPictures:
    """A .zip or folder, and a .csv whose columns are a picture's name and its class, below a header line.

    Raises NoPicturesError, OSError, BadZipFile.
    """
    with listing.open(newline="", encoding="utf-8") as lines:
        rows = [row for row in csv.reader(lines) if len(row) >= 2 and _is_picture(row[0])]
    words = {PurePosixPath(row[0]).name: row[1] for row in rows}
    found = [(words[name], picture) for path, picture in picture_files(data) if (name := _name(path)) in words]
    if not found:
        raise NoPicturesError(f"{listing} lists none of its pictures")
    classes = sorted({word for word, _ in found})
    return LabelledPictures([picture for _, picture in found], [classes.index(word) for word, _ in found], classes)


def _name(path: str) -> str:
    return PurePosixPath(path).name


def _is_picture(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in PICTURE_SUFFIXES


def _colour(image: NDArray[np.uint8]) -> Picture:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR) if image.ndim == 2 else image, np.uint8)


def iterate(data: LabelledPictures) -> Iterator[tuple[Picture, int]]:
    """Each picture with its class."""
    return zip(data.pictures, data.labels, strict=True)
