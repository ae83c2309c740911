"""A file of a model: what it is called, how large it is, its hash, and where it can be had."""

import hashlib
from pathlib import Path

from msgspec import Struct

from framewire.models.cannot_load import CannotLoadError

_CHUNK_BYTES = 2**20


class ModelFile(Struct, frozen=True, kw_only=True):
    """`sha256` and `size` are empty and 0 where they are not known: such a file is taken only on trust.

    A file with an empty `url` comes with Framewire.
    """

    name: str
    url: str
    sha256: str = ""
    size: int = 0


class WrongFileError(CannotLoadError):
    """A file that is not the one that the catalogue means. It is never loaded."""


class NotTrustedError(WrongFileError):
    """A file whose hash nobody knows, and that the user has not trusted."""


def verify(path: Path, file: ModelFile) -> None:
    """See that a file on disk is the one that is meant. Raises WrongFileError, NotTrustedError, OSError."""
    size = path.stat().st_size
    if file.size and size != file.size:
        raise WrongFileError(
            f"{path} has {size} bytes and should have {file.size}: it is cut short or another file; "
            f"delete it, and take it from {file.url}"
        )
    if not file.sha256:
        raise NotTrustedError(
            f"the hash of {file.name} is not known, so {path} cannot be checked; "
            "if you know where it comes from, say so once: models pull --trust"
        )
    found = sha256_of(path)
    if found != file.sha256:
        raise WrongFileError(
            f"{path} is not the file that it should be: its sha256 is {found}, not {file.sha256}; "
            f"delete it, and take it from {file.url}"
        )


def sha256_of(path: Path) -> str:
    """The file's SHA-256 in hexadecimal. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as content:
        while chunk := content.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
