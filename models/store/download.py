"""Downloading a file so that a broken download resumes where it broke: pooch fetches, checks and retries."""

from pathlib import Path
from typing import IO

import requests

from framewire.models.store.download_progress import DownloadProgress

TIMEOUT_S = 30.0
"""A server silent for this long times out."""
_CHUNK_BYTES = 2**14
"""A partial chunk is lost when the connection breaks, so chunks are small."""
_PARTIAL_CONTENT, _RANGE_NOT_SATISFIABLE = 206, 416


class ResumingDownloader:
    """A pooch downloader. A partial download is kept as NAME.part until it is complete.

    A server without range support sends the file from its start again. Whether the parts belong together is decided by
    the hash, which pooch checks afterwards.
    """

    def __init__(self, folder: Path, progress: DownloadProgress | None = None) -> None:
        self._folder = folder
        self._progress = progress

    def __call__(self, url: str, output_file: str | IO[bytes], pooch: object) -> None:
        """Download to `output_file`, a path. Raises requests.RequestException, OSError."""
        if not isinstance(output_file, str):
            raise TypeError("a resumed download needs a path")
        self._folder.mkdir(parents=True, exist_ok=True)
        part = self._folder / (url.rsplit("/", 1)[-1] + ".part")
        self._fetch(url, part)
        part.replace(output_file)

    def _fetch(self, url: str, part: Path) -> None:
        have = part.stat().st_size if part.exists() else 0
        headers = {"Range": f"bytes={have}-"} if have else {}
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_S) as response:
            if response.status_code == _RANGE_NOT_SATISFIABLE:
                # The part is already as long as the file, or longer: restart.
                part.unlink()
                raise requests.ConnectionError("the partial download does not fit the file")
            response.raise_for_status()
            goes_on = response.status_code == _PARTIAL_CONTENT
            length = response.headers.get("Content-Length")
            done = have if goes_on else 0
            if self._progress is not None:
                self._progress.start(done, done + int(length) if length else None)
            with part.open("ab" if goes_on else "wb") as file:
                for chunk in response.iter_content(_CHUNK_BYTES):
                    file.write(chunk)
                    if self._progress is not None:
                        self._progress.update(len(chunk))
