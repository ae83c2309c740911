"""A model file: its name, size, hash, and download address."""

import hashlib
from pathlib import Path

from msgspec import Struct

from framewire.models.cannot_load import CannotLoadError

_CHUNK_BYTES = 2**20


class ModelFile(Struct, frozen=True, kw_only=True):
    """`sha256` and `size` are empty and 0 if unknown: such a file is accepted only on trust.

    A file with an empty `url` ships with Framewire.
    """

    name: str
    url: str
    sha256: str = ""
    size: int = 0


class WrongFileError(CannotLoadError):
    """A file is not the one in the catalogue. It is never loaded."""


class NotTrustedError(WrongFileError):
    """A file's hash is unknown, and the user has not trusted it."""


def verify(path: Path, file: ModelFile) -> None:
    """Check that a file on disk is the expected one. Raises WrongFileError, NotTrustedError, OSError."""
    size = path.stat().st_size
    if file.size and size != file.size:
        raise WrongFileError(
            f"{path} has {size} bytes and should have {file.size}: it is truncated or another file; "
            f"delete it and get it from {file.url}, or say `model: {path}` if it is a model of your own"
        )
    if not file.sha256:
        raise NotTrustedError(
            f"the hash of {file.name} is unknown, so {path} cannot be checked; "
            "if you trust its source, run once: models pull --trust"
        )
    found = sha256_of(path)
    if found != file.sha256:
        raise WrongFileError(
            f"{path} is not the expected file: its sha256 is {found}, not {file.sha256}; "
            f"delete it and get it from {file.url}, or say `model: {path}` if it is a model of your own"
        )


def sha256_of(path: Path) -> str:
    """The file's SHA-256 in hexadecimal. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as content:
        while chunk := content.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
