"""The pictures in a .zip or a folder, one after the other."""

import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import cv2
import numpy as np

from framewire.models.picture import Picture

PICTURE_SUFFIXES = (".jpg", ".jpeg", ".jfif", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
ENCRYPTED = 1
"""Of an archive entry's flags."""


def _unheard(name: str) -> None:
    """Nobody wants to know which files are broken."""


def picture_files(
    data: Path, wanted: Callable[[str], bool] = lambda name: True, broken: Callable[[str], None] = _unheard
) -> Iterator[tuple[str, Picture]]:
    """Name inside the data and picture (BGR), sorted by name; files that are not pictures are skipped.

    `broken` is called with the name of each picture that cannot be decoded. Raises OSError, BadZipFile, ValueError for
    an archive that is encrypted.
    """
    for name, content in _contents(data, wanted, broken):
        picture = _decoded(content)
        if picture is None:
            broken(name)
        else:
            yield name, picture


def other_files(data: Path) -> dict[str, int]:
    """How many files of a folder or .zip are no pictures by their suffix, for each suffix; hidden ones do not count.

    Raises OSError, BadZipFile.
    """
    if data.is_dir():
        names = [path.relative_to(data).as_posix() for path in sorted(data.rglob("*")) if path.is_file()]
    else:
        with zipfile.ZipFile(data) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/")]
    others = [name for name in names if not is_picture(name) and not is_hidden(name)]
    return dict(Counter(PurePosixPath(name).suffix.lower() or "no suffix" for name in others).most_common())


def is_hidden(name: str) -> bool:
    """What systems leave in folders and archives: .ipynb_checkpoints, __MACOSX."""
    return any(part.startswith(".") or part == "__MACOSX" for part in PurePosixPath(name).parts)


def _contents(data: Path, wanted: Callable[[str], bool], broken: Callable[[str], None]) -> Iterator[tuple[str, bytes]]:
    if data.is_dir():
        for path in sorted(data.rglob("*")):
            name = path.relative_to(data).as_posix()
            if is_picture(name) and wanted(name) and path.is_file():
                yield name, path.read_bytes()
        return
    with zipfile.ZipFile(data) as archive:
        for name in sorted(set(archive.namelist())):
            if not (is_picture(name) and wanted(name)):
                continue
            if archive.getinfo(name).flag_bits & ENCRYPTED:
                raise ValueError(f"{data} is encrypted: unpack it first")
            try:
                content = archive.read(name)
            except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError):
                # One damaged entry; the others are good.
                broken(name)
                continue
            yield name, content


def _decoded(content: bytes) -> Picture | None:
    try:
        picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR) if content else None
    except cv2.error:
        # A header that promises more pixels than OpenCV takes.
        return None
    return None if picture is None else np.asarray(picture, np.uint8)


def is_picture(name: str) -> bool:
    """Whether it is called as pictures are."""
    return PurePosixPath(name).suffix.lower() in PICTURE_SUFFIXES
