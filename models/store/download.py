"""Downloading a file so that a broken download goes on where it broke: pooch asks, checks and asks again."""

from pathlib import Path
from typing import IO

import requests

from framewire.models.store.download_progress import DownloadProgress

TIMEOUT_S = 30.0
"""Without a byte for so long, a server is given up."""
_CHUNK_BYTES = 2**14
"""What of a chunk has come when a link breaks is lost, so chunks are small."""
_PARTIAL_CONTENT, _RANGE_NOT_SATISFIABLE = 206, 416


class ResumingDownloader:
    """A pooch downloader. What has come of a file lies beside it as NAME.part until all of it is here.

    A server that does not know ranges sends the file from its start again. Whether the parts belong together is for
    the hash to say, which pooch looks at afterwards.
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
                # More is here than there is to have, or all of it: begin anew.
                part.unlink()
                raise requests.ConnectionError("the part that is here does not fit the file")
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
