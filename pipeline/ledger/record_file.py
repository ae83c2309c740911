"""A file of records, each whole or absent: a killed process leaves at most a torn last one, which readers pass over."""

import os
import zlib
from collections.abc import Iterator
from pathlib import Path

MAGIC = b"FWJRNL01"
"""Begins every file; its number changes when a reader of the last version could not read the next."""
_HEADER_BYTES = 8
"""Before each record: its length and its CRC-32, four bytes each, little-endian."""


class NotARecordFileError(ValueError):
    """It does not begin as a file of records does."""


class RecordFile:
    """Appends records. The file is readable only by its owner (0600)."""

    def __init__(self, path: Path, to_disk: bool) -> None:
        """Start an empty file. With `to_disk`, what is committed outlives the machine. Raises OSError."""
        self._to_disk = to_disk
        self._waiting: list[bytes] = []
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        self.size = 0
        try:
            self._write(MAGIC)
        except OSError:
            self.close()
            raise

    def add(self, record: bytes) -> None:
        """Keep a record for the next `commit`."""
        self._waiting.append(len(record).to_bytes(4, "little") + zlib.crc32(record).to_bytes(4, "little") + record)

    def commit(self) -> None:
        """Write what was added. Raises OSError."""
        if self._waiting:
            self._write(b"".join(self._waiting))
            self._waiting.clear()
            if self._to_disk:
                os.fdatasync(self._fd)

    def close(self) -> None:
        """Close the file; what was not committed is lost."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            written = os.write(self._fd, view)
            self.size += written
            view = view[written:]


def records_in(path: Path) -> Iterator[bytes]:
    """All whole records, in order. Raises NotARecordFileError, OSError."""
    data = memoryview(path.read_bytes())
    if bytes(data[: len(MAGIC)]) != MAGIC:
        raise NotARecordFileError(f"{path} is not a journal of this version")
    at = len(MAGIC)
    while at + _HEADER_BYTES <= len(data):
        length, check = (int.from_bytes(data[at + part : at + part + 4], "little") for part in (0, 4))
        record = data[at + _HEADER_BYTES : at + _HEADER_BYTES + length]
        if len(record) < length or zlib.crc32(record) != check:
            return
        yield bytes(record)
        at += _HEADER_BYTES + length
