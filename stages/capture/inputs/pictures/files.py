"""What a user's word for files means: a path, a file:// address, a folder, a glob, or numbered names."""

import glob
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from framewire.pipeline.input_path import NUMBERED
from framewire.pipeline.stage import StageError
from framewire.stages.capture.inputs.pictures.picture_file import UNSUPPORTED, is_image

NAMED_MAX = 3
"""Files that a message names; of more it gives the number."""


class Files(Struct, frozen=True):
    """The pictures that were found, and what else was."""

    pictures: list[Path]
    others: list[Path]

    @property
    def left_out(self) -> str:
        """What is left out, in words; empty if nothing is."""
        return _named(self.others) if self.pictures else ""


def local_path(source: str) -> str:
    """The path in a file:// address; any other source as it is. Raises StageError."""
    if not source.lower().startswith("file:"):
        return source
    parts = urlsplit(source)
    if parts.netloc not in ("", "localhost"):
        raise StageError(f"{source}: files of another machine ({parts.netloc}) cannot be read; mount its folder")
    return unquote(parts.path)


def several_files(name: str) -> Files | None:
    """The files that a folder, a glob or numbered names mean; None if it is none of these. Raises StageError."""
    path = Path(name)
    if path.is_dir():
        found = [file for file in path.iterdir() if _is_file(file) and not file.name.startswith(".")]
    elif path.exists():
        return None
    elif NUMBERED.search(path.name):
        found = _numbered(path)
    elif glob.has_magic(name):
        found = [Path(file) for file in glob.glob(name, recursive=True) if _is_file(Path(file))]  # noqa: PTH207
    else:
        return None
    files = Files([file for file in found if is_image(file)], [file for file in found if not is_image(file)])
    if not files.pictures and files.others:
        cure = _cure(files.others[0]) or "name one film, or several under `sources`"
        raise StageError(f"no pictures in {name}, only {_named(files.others)}: {cure}")
    return files


def _is_file(path: Path) -> bool:
    """A link that leads nowhere counts: its picture is missing, not wanted less."""
    try:
        return path.is_file() or (path.is_symlink() and not path.exists())
    except (OSError, RuntimeError):
        # It leads to itself.
        return True


def check_supported(path: Path) -> None:
    """Raises StageError for a picture of a kind that nothing here reads."""
    if cure := _cure(path):
        raise StageError(f"{path} is a {path.suffix[1:].upper()} picture, which cannot be read: {cure}")


def _cure(path: Path) -> str:
    program = UNSUPPORTED.get(path.suffix.lower())
    return f"convert it to JPEG or PNG, for example with {program}" if program else ""


def _numbered(path: Path) -> list[Path]:
    """The files whose names have a number where the path has %d. They may begin with any, and miss some."""
    before, zero, width, after = _parts(path.name)
    digits = rf"\d{{{width}}}" if zero and width else r"\d+"
    pattern = re.compile(re.escape(before) + digits + re.escape(after))
    return [file for file in path.parent.glob("*") if pattern.fullmatch(file.name) and file.is_file()]


def _parts(name: str) -> tuple[str, str, str, str]:
    found = NUMBERED.search(name)
    assert found is not None
    return name[: found.start()], found[1], found[2], name[found.end() :]


def _named(files: list[Path]) -> str:
    names = sorted(file.name for file in files)
    shown = ", ".join(names[:NAMED_MAX])
    return shown if len(names) <= NAMED_MAX else f"{shown} and {len(names) - NAMED_MAX} other files"
