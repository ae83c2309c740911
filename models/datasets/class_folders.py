"""Labelled pictures in a folder or a .zip: a subfolder for each class, perhaps below parts, or a list of answers."""

import csv
from collections.abc import Callable, Container, Iterator, Sequence
from pathlib import Path, PurePosixPath

from msgspec import Struct

from framewire.models.datasets.array_pictures import TEST, TRAIN, VALIDATION, WHOLE
from framewire.models.datasets.picture_files import PICTURE_SUFFIXES, is_hidden, is_picture, picture_files
from framewire.models.picture import Picture

PARTS = {
    **dict.fromkeys(("train", "training"), TRAIN),
    **dict.fromkeys(("val", "valid", "validation"), VALIDATION),
    **dict.fromkeys(("test", "testing"), TEST),
}
"""Folders above the classes that are parts of the data, if there is a train among them."""


class Example(Struct, frozen=True):
    """A picture (BGR), the word of each head, empty if unknown, and the part of the data that it lies in."""

    name: str
    picture: Picture
    words: tuple[str, ...]
    part: str = WHOLE


def in_class_folders(data: Path, broken: Callable[[str], None]) -> Iterator[Example]:
    """The pictures of a folder or .zip with a subfolder for each class, or train/ and val/ or test/ above those.

    Raises ValueError if pictures lie at other depths, OSError, BadZipFile.
    """
    names: list[str] = []

    def note(name: str) -> bool:
        if not is_hidden(name):
            names.append(name)
        return False

    for _ in picture_files(data, note):
        pass
    above = _shared_folders(names)
    parted = {PARTS.get(PurePosixPath(name).parts[above].lower(), "") for name in names}
    has_parts = TRAIN in parted and parted - {""} != {TRAIN}
    depth = above + has_parts + 2
    wrong = [name for name in names if len(PurePosixPath(name).parts) != depth]
    if wrong:
        raise ValueError(
            f"{wrong[0]}{f' and {len(wrong) - 1} more' if len(wrong) > 1 else ''} out of place: "
            "every picture must be directly in the folder of its class"
        )
    for name, picture in picture_files(data, lambda name: not is_hidden(name), broken):
        folders = PurePosixPath(name).parts
        part = PARTS[folders[above].lower()] if has_parts else WHOLE
        yield Example(name, picture, (folders[-2],), part)


def attributes_in(listing: Path) -> tuple[str, ...]:
    """The answers that a list has: its header's words after the first. Raises ValueError, OSError."""
    with listing.open(newline="", encoding="utf-8-sig") as lines:
        header = next(csv.reader(lines), [])
    names = tuple(word.strip() for word in header[1:])
    if not names or len(set(names)) < len(names) or not all(names) or is_picture(header[0]):
        raise ValueError(f"{listing}: its first line must be a header, such as `name,colour,shape`")
    return names


def as_listed(data: Path, listing: Path, broken: Callable[[str], None]) -> Iterator[Example]:
    """The pictures of a folder or .zip that a .csv lists: name, and a word for each answer, below a header.

    A name is a file's, or its path inside the data. Raises ValueError, OSError, BadZipFile.
    """
    count = len(attributes_in(listing))
    with listing.open(newline="", encoding="utf-8-sig") as lines:
        rows = [row for row in csv.reader(lines) if row][1:]
    short = [row for row in rows if len(row) != count + 1]
    if short:
        raise ValueError(f"{listing}: the line of {short[0][0]} has {len(short[0])} columns, the header {count + 1}")
    words = {row[0].strip(): tuple(word.strip() for word in row[1:]) for row in rows}
    if len(words) < len(rows):
        raise ValueError(f"{listing}: it lists a picture twice")
    missing = set(words)
    for name, picture in picture_files(data, lambda name: bool(listed_as(name, words)), broken):
        if known := listed_as(name, words):
            missing.discard(known)
            yield Example(name, picture, words[known])
    if missing:
        more = f", as are {len(missing) - 1} more" if len(missing) > 1 else ""
        broken(f"{min(missing)} (listed but missing{more})")


def listed_as(name: str, listed: Container[str]) -> str:
    """How a list calls a file: by its path, or by its name alone; empty if not at all."""
    return next((one for one in (name, PurePosixPath(name).name) if one in listed), "")


def _shared_folders(names: Sequence[str]) -> int:
    """How many folders all pictures lie in: a .zip of a folder has its name above all else."""
    if not names:
        raise ValueError(f"it has no pictures ({', '.join(PICTURE_SUFFIXES)}) in folders named for their classes")
    folders = [PurePosixPath(name).parts[:-1] for name in names]
    count = 0
    while all(len(one) > count for one in folders) and len({one[count] for one in folders}) == 1:
        count += 1
    if any(len(one) == count for one in folders):
        single = f"in one folder, {'/'.join(folders[0][:count])}" if count else "in no folder"
        raise ValueError(f"its pictures lie {single}: it must have a subfolder for each of two classes or more")
    return count
