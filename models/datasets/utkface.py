"""UTKFace: face pictures with age and gender in their names, and which of them we never train on."""

import hashlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from msgspec import Struct

from framewire.models.datasets.picture_files import PICTURE_SUFFIXES, picture_files
from framewire.models.picture import Picture

HELD_OUT_OF_TEN = 1
"""Tenths of the files, chosen by hash, that are never trained on."""
GROUPS = ("white", "black", "asian", "indian", "others")
"""The third part of a name, 0 to 4."""


class Person(Struct, frozen=True):
    """What a file name says: age in years; gender is 0 for male, 1 for female; `group` is the data set's own word.

    The groups were assigned by others from looks; they serve to measure whether a model is worse for some people.
    """

    age: int
    gender: int
    held_out: bool
    group: str = "unknown"
    name: str = ""


def person_of(name: str) -> Person | None:
    """Parses the name age_gender_race_id.jpg; None for names of another form."""
    path = PurePosixPath(name)
    parts = path.name.split("_")
    if (
        path.suffix.lower() not in PICTURE_SUFFIXES
        or len(parts) < 4
        or not parts[0].isdigit()
        or parts[1] not in ("0", "1")
    ):
        return None
    group = GROUPS[int(parts[2])] if parts[2] in ("0", "1", "2", "3", "4") else "unknown"
    return Person(int(parts[0]), int(parts[1]), is_held_out(name), group, path.name)


def is_held_out(name: str) -> bool:
    """Whether a file belongs to the part that is measured: by a hash of its name, so the same on every machine."""
    return _tenth(name) < HELD_OUT_OF_TEN


def _tenth(name: str) -> int:
    return int(hashlib.sha256(PurePosixPath(name).name.encode()).hexdigest(), 16) % 10


def chooses_epoch(name: str) -> bool:
    """Whether a file is of another tenth: it is not trained on either, but chooses the epoch."""
    return _tenth(name) == HELD_OUT_OF_TEN


def people_in(data: Path) -> Iterator[tuple[Picture, Person]]:
    """The pictures of a .zip or a folder, sorted by name. Raises OSError, BadZipFile."""
    for name, picture in picture_files(data, lambda name: person_of(name) is not None):
        person = person_of(name)
        if person is not None:
            yield picture, person
