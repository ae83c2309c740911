"""The pictures in a .zip or a folder, one after the other."""

import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import cv2
import numpy as np

from framewire.models.picture import Picture

PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")


def picture_files(data: Path, wanted: Callable[[str], bool] = lambda name: True) -> Iterator[tuple[str, Picture]]:
    """Name inside the data and picture (BGR), sorted by name; files that are not pictures are skipped.

    Raises OSError, BadZipFile.
    """
    if data.is_dir():
        for path in sorted(data.rglob("*")):
            name = path.relative_to(data).as_posix()
            if path.is_file() and _is_picture(name) and wanted(name):
                yield from _decoded(name, path.read_bytes())
        return
    with zipfile.ZipFile(data) as archive:
        for name in sorted(archive.namelist()):
            if _is_picture(name) and wanted(name):
                yield from _decoded(name, archive.read(name))


def _is_picture(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in PICTURE_SUFFIXES


def _decoded(name: str, content: bytes) -> Iterator[tuple[str, Picture]]:
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR) if content else None
    if picture is not None:
        yield name, np.asarray(picture, np.uint8)
