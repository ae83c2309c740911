"""Hashes that a user has trusted: of files whose hash the catalogue does not know, as they were when first seen."""

from pathlib import Path

import msgspec

_FILE = "trusted.json"


class TrustedHashes:
    """Kept in a folder, by the file's name. Once trusted, another file of that name is refused as any wrong one is."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / _FILE

    def get(self, name: str) -> str:
        """The hash that was trusted, or nothing. Raises OSError."""
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
            # Nobody can say any more what was trusted, so nothing is.
            return {}
