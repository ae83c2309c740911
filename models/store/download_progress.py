"""What shows a download's progress."""

from typing import Protocol


class DownloadProgress(Protocol):
    """Shown while files come; one after the other."""

    def start(self, done: int, total: int | None) -> None:
        """A file of `total` bytes comes, of which `done` are here."""

    def update(self, count: int) -> None:
        """So many bytes more are here."""
