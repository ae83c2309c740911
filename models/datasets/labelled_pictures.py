"""Labelled pictures: an .npz, a .zip or folder with one folder per class, or one with a list beside it."""

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from msgspec import Struct

from framewire.models.datasets.array_pictures import TEST, VALIDATION, read_arrays
from framewire.models.datasets.class_folders import listed_as
from framewire.models.datasets.picture_files import is_picture, picture_files
from framewire.models.picture import Picture


class LabelledPictures(Struct, frozen=True):
    """Pictures, the class index of each, and the class names."""

    pictures: list[Picture]
    labels: list[int]
    classes: list[str]


class NoPicturesError(ValueError):
    """The data has no pictures to measure on."""


def read_npz(path: Path, split: str, order: str = "", with_test: bool = False) -> LabelledPictures:
    """The pictures of an .npz of the part `split` (validation, train, all), if it has parts: see array_pictures.

    `order` (RGB or BGR) overrides what is assumed of its colours.

    A part `test` counts as validation where there is no other, or if `with_test` says so. Raises KeyError, ValueError,
    OSError.
    """
    read = read_arrays(path, order)
    parts = {part.part for part in read.parts}
    is_test_wanted = split == VALIDATION and (with_test or VALIDATION not in parts)
    wanted = {split, ""} | ({TEST} if is_test_wanted else set())
    kept = [part for part in read.parts if split == "all" or part.part in wanted]
    if not kept:
        raise KeyError(f"it has no part {split}, only {', '.join(sorted(parts))}")
    pictures = [picture for part in kept for picture in part.pictures]
    return LabelledPictures(pictures, [label for part in kept for label in part.labels], read.classes)


def read_classes(data: Path) -> LabelledPictures:
    """A .zip or folder whose folders are the classes. Raises NoPicturesError, OSError, BadZipFile."""
    found = [(PurePosixPath(name).parent.name, picture) for name, picture in picture_files(data)]
    classes = sorted({word for word, _ in found if word})
    if not classes:
        raise NoPicturesError("it has no pictures in folders named for their classes")
    kept = [(word, picture) for word, picture in found if word]
    return LabelledPictures([picture for _, picture in kept], [classes.index(word) for word, _ in kept], classes)


def read_listed(data: Path, listing: Path, column: str = "") -> LabelledPictures:
    """A .zip or folder, and a .csv whose columns are a picture's name and its class, below a header line.

    A name is a file's, or its path inside the data. `column` is the heading of the classes' column, if there are
    several; else it is the first after the names. Pictures without a class are left out. Raises NoPicturesError,
    OSError, BadZipFile.
    """
    with listing.open(newline="", encoding="utf-8-sig") as lines:
        rows = [[word.strip() for word in row] for row in csv.reader(lines) if len(row) >= 2]
    header = rows[0] if rows and not is_picture(rows[0][0]) else []
    place = header.index(column) if column in header[1:] else 1
    words = {row[0]: row[place] for row in rows if is_picture(row[0]) and len(row) > place and row[place]}
    alone = Counter(PurePosixPath(key).name for key in words)
    # A list may know another folder than the data's; a name that it has twice would be a guess.
    words = {**{name: word for key, word in words.items() if alone[name := PurePosixPath(key).name] == 1}, **words}
    found = [(words[key], picture) for name, picture in picture_files(data) if (key := listed_as(name, words))]
    if not found:
        raise NoPicturesError(f"{listing} lists none of its pictures")
    classes = sorted({word for word, _ in found})
    return LabelledPictures([picture for _, picture in found], [classes.index(word) for word, _ in found], classes)


def iterate(data: LabelledPictures) -> Iterator[tuple[Picture, int]]:
    """Each picture with its class."""
    return zip(data.pictures, data.labels, strict=True)
