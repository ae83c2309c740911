"""Shows the progress of downloads."""

from typing import Protocol


class DownloadProgress(Protocol):
    """Shown during downloads; one file at a time."""

    def start(self, done: int, total: int | None) -> None:
        """A file of `total` bytes starts; `done` are here already."""

    def update(self, count: int) -> None:
        """`count` more bytes arrived."""
