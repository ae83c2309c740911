"""UTKFace: pictures of faces whose names say age and gender, and which of them we never train on."""

import hashlib
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import cv2
import numpy as np
from msgspec import Struct

from models.face_finder import Picture

HELD_OUT_OF_TEN = 1
"""Files whose hash ends in this many of ten digits are never trained on."""
GROUPS = ("white", "black", "asian", "indian", "others")
"""The third part of a name, 0 to 4."""
SUFFIXES = (".jpg", ".jpeg", ".png")


class Person(Struct, frozen=True):
    """What a file's name says: age in years; gender is 0 for male, 1 for female; `group` is the data set's own word.

    The groups are labels that others gave by looks; they serve to measure whether a model is worse for some people.
    """

    age: int
    gender: int
    held_out: bool
    group: str = "unknown"


def person_of(name: str) -> Person | None:
    """What the name age_gender_race_id.jpg says; None for names that say something else."""
    path = PurePosixPath(name)
    parts = path.name.split("_")
    if path.suffix.lower() not in SUFFIXES or len(parts) < 4 or not parts[0].isdigit() or parts[1] not in ("0", "1"):
        return None
    group = GROUPS[int(parts[2])] if parts[2] in ("0", "1", "2", "3", "4") else "unknown"
    return Person(int(parts[0]), int(parts[1]), is_held_out(name), group)


def is_held_out(name: str) -> bool:
    """Whether a file belongs to the validation part: by a hash of its name, so on every machine the same."""
    return int(hashlib.sha256(PurePosixPath(name).name.encode()).hexdigest(), 16) % 10 < HELD_OUT_OF_TEN


def people_in(data: Path) -> Iterator[tuple[Picture, Person]]:
    """The pictures of a .zip or a folder, in the order of their names. Raises OSError, BadZipFile."""
    if data.is_dir():
        for path in sorted(data.rglob("*")):
            yield from _read(path.name, path.read_bytes() if person_of(path.name) else b"")
        return
    with zipfile.ZipFile(data) as archive:
        for name in sorted(archive.namelist()):
            yield from _read(name, archive.read(name) if person_of(name) else b"")


def _read(name: str, content: bytes) -> Iterator[tuple[Picture, Person]]:
    person = person_of(name)
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR) if person and content else None
    if person is not None and picture is not None:
        yield np.asarray(picture, np.uint8), person
