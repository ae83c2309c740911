"""The parts of a place's address: scheme://user:password@host:port/path?query."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from framewire.pipeline.privacy.address import HINT, is_ambiguous, shown
from framewire.pipeline.stage import StageError


class Address(Struct, frozen=True):
    """An address in parts, percent signs resolved; `port` is 0 if it names none."""

    scheme: str
    host: str
    port: int
    username: str
    password: str
    path: str

    def at(self, port: int) -> str:
        """`host:port`, with this port if it names none."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port or port}"


def address_secrets(to: str) -> tuple[str, ...]:
    """The password of an address, as it is written and as it is meant."""
    _, password = credentials_in(to)
    return (password, unquote(password)) if password else ()


def credentials_in(to: str) -> tuple[str, str]:
    """User and password of an address as they are written, empty if it has none."""
    user, _, password = to.partition("://")[2].rpartition("@")[0].partition(":")
    return user, password


def path_in(to: str, out: Path, what: str) -> Path:
    """The file or folder (`what`) of an address with three slashes, in `out` unless a fourth begins it.

    Raises StageError.
    """
    scheme, _, name = to.partition("://")
    if not name.startswith("/") or len(name) < 2:
        fix = f"write {scheme}:///{what.upper()}, or {scheme}:////ABSOLUTE/{what.upper()}"
        raise StageError(f"{shown(to)} names no {what}; {fix}")
    return Path(out, name[1:])


def parsed(to: str, needs_host: bool = True) -> Address:
    """Take an address apart. Raises StageError, which shows no secret of it."""
    if is_ambiguous(to):
        raise StageError(f"the address {shown(to)} cannot be read; {HINT}")
    try:
        parts = urlsplit(to)
        port = parts.port or 0
    except ValueError as error:
        raise StageError(f"the address {shown(to)} cannot be read; write scheme://host:port") from error
    if needs_host and not parts.hostname:
        raise StageError(f"the address {shown(to)} names no host; write {parts.scheme}://HOST")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return Address(parts.scheme.lower(), parts.hostname or "", port, user, password, unquote(parts.path))
