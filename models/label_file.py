"""A file with a label on each line, in the order of a model's classes."""

import codecs
from pathlib import Path

from framewire.models.cannot_load import CannotLoadError


class WrongLabelsError(CannotLoadError):
    """A file of labels cannot be read."""


def labels_in(path: Path) -> tuple[str, ...]:
    """One per line; UTF-8, or UTF-16 with its mark. Raises WrongLabelsError, OSError."""
    raw = path.read_bytes()
    encoding = "utf-16" if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        raise WrongLabelsError(f"{path} is not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    return tuple(line.strip() for line in text.splitlines() if line.strip())
