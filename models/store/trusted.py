"""Hashes that a user has trusted, of files whose hash the catalogue does not know, as first seen."""

from pathlib import Path

import msgspec

_FILE = "trusted.json"


class TrustedHashes:
    """Kept in a folder, by file name. Once one is trusted, another file of that name is refused like any wrong one."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / _FILE

    def get(self, name: str) -> str:
        """The trusted hash, or an empty string. Raises OSError."""
        return self._read().get(name, "")

    def add(self, name: str, sha256: str) -> None:
        """Trust it from now on. Raises OSError."""
        known = {**self._read(), name: sha256}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self._path.with_suffix(".unfinished")
        unfinished.write_bytes(msgspec.json.format(msgspec.json.encode(known), indent=2) + b"\n")
        unfinished.replace(self._path)

    def _read(self) -> dict[str, str]:
        if not self._path.exists():
            return {}
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, str])
        except msgspec.DecodeError:
            # It is unknown what was trusted, so nothing is.
            return {}
