"""The pictures in a .zip or a folder, one after the other."""

import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import cv2
import numpy as np

from framewire.models.picture import Picture

PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")


def _unheard(name: str) -> None:
    """Nobody wants to know which files are broken."""


def picture_files(
    data: Path, wanted: Callable[[str], bool] = lambda name: True, broken: Callable[[str], None] = _unheard
) -> Iterator[tuple[str, Picture]]:
    """Name inside the data and picture (BGR), sorted by name; files that are not pictures are skipped.

    `broken` is called with the name of each picture that cannot be decoded. Raises OSError, BadZipFile.
    """
    for name, content in _contents(data, wanted):
        picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR) if content else None
        if picture is None:
            broken(name)
        else:
            yield name, np.asarray(picture, np.uint8)


def _contents(data: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    if data.is_dir():
        for path in sorted(data.rglob("*")):
            name = path.relative_to(data).as_posix()
            if _is_picture(name) and wanted(name) and path.is_file():
                yield name, path.read_bytes()
        return
    with zipfile.ZipFile(data) as archive:
        for name in sorted(archive.namelist()):
            if _is_picture(name) and wanted(name):
                yield name, archive.read(name)


def _is_picture(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in PICTURE_SUFFIXES
