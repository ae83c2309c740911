"""Where a model's files are: in the package, the user's folder, the cache, or still to be downloaded."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from framewire.models.cache_folder import cache_folder
from framewire.models.cannot_load import CannotLoadError
from framewire.models.catalogue.model_entry import ModelEntry
from framewire.models.catalogue.model_file import ModelFile, NotTrustedError, WrongFileError, sha256_of, verify
from framewire.models.store.download_progress import DownloadProgress
from framewire.models.store.trusted import TrustedHashes

FOLDER_VARIABLE = "FRAMEWIRE_MODELS"
"""Environment variable that names the user's model folder."""
PACKAGED = Path(__file__).parents[1] / "weights"
TRIES = 3
"""Attempts per download: a third failure is not transient."""


class ModelMissingError(CannotLoadError):
    """A file cannot be found; the message says what to put where."""


class ModelStore:
    """Looks for files in the package, among those `lent`, in `folder` (or FRAMEWIRE_MODELS), and in the cache.

    A file whose hash differs from the catalogue's is never returned. One with a model's name that is not it is refused
    beside the right one, too: who put it there means it, and would get the other without a word. One whose hash the
    catalogue does not know is returned once a user has trusted it: `trust` does so for all that this store finds, and
    is remembered. Files are lent, by name, by another machine, which has found them in a store of its own: there, what
    the catalogue does not know is trusted.
    """

    def __init__(
        self,
        folder: Path | None = None,
        cache: Path | None = None,
        trust: bool = False,
        lent: Mapping[str, Path] | None = None,
    ) -> None:
        named = os.environ.get(FOLDER_VARIABLE)
        self.folder = folder or (Path(named) if named else None)
        self.cache = cache or cache_folder() / "models"
        self.trust = trust
        self._lent = lent or {}
        self._trusted = TrustedHashes(self.cache)

    def find(self, entry: ModelEntry) -> list[Path] | None:
        """The files of a model in the catalogue's order if all exist, else None. Raises WrongFileError."""
        self._refuse_namesakes(entry)
        paths = [self._find_file(file) for file in entry.files]
        found = [path for path in paths if path is not None]
        return found if len(found) == len(paths) else None

    def need(self, entry: ModelEntry, progress: DownloadProgress | None = None) -> list[Path]:
        """The files of a model, downloaded if missing. Raises ModelMissingError, WrongFileError."""
        self._refuse_namesakes(entry)
        return [self._find_file(file) or self._download(entry, file, progress) for file in entry.files]

    def to_lend(self, entry: ModelEntry) -> list[Path]:
        """The files of a model that another machine may lack, if all are here and right: not those in the package."""
        try:
            found = self.find(entry) or []
        except CannotLoadError:
            # Whoever opens it is told.
            return []
        return [path for path in found if path.parent != PACKAGED]

    def own_file(self, name: str) -> Path | None:
        """A file NAME.onnx in the current folder, the user's or the cache: who says NAME may mean it."""
        return next(
            (path for folder in (Path(), *self._folders()) if (path := folder / f"{name}.onnx").is_file()), None
        )

    def _refuse_namesakes(self, entry: ModelEntry) -> None:
        """Of files beside the one that is found: in the package it is found first, and another name is never read."""
        packaged = {file.name for file in entry.files if (PACKAGED / file.name).is_file()}
        read = {file.name for file in entry.files} - packaged
        known = {file.sha256 for file in entry.files}
        for folder in list(self._folders())[1:]:
            for name in sorted({*packaged, f"{entry.name}.onnx"} - read):
                path = folder / name
                if path.is_file() and (found := sha256_of(path)) not in known:
                    raise WrongFileError(
                        f"{path} has the name of the catalogue's {entry.name}, but is another file (sha256 "
                        f"{found[:12]}..., not {entry.files[0].sha256[:12] or 'known'}...): to use it, say "
                        f"`model: {path}`; to use the catalogue's, rename it"
                    )

    def _find_file(self, file: ModelFile) -> Path | None:
        for folder in self._folders():
            path = folder / file.name
            if path.is_file():
                self._verify(path, file)
                return path
            if folder == PACKAGED and (lent := self._lent.get(file.name)) is not None:
                if file.sha256:
                    verify(lent, file)
                return lent
        return None

    def _folders(self) -> Iterator[Path]:
        yield PACKAGED
        if self.folder is not None:
            yield self.folder
        yield self.cache

    def _download(self, entry: ModelEntry, file: ModelFile, progress: DownloadProgress | None) -> Path:
        if not file.sha256 and not self.trust:
            raise ModelMissingError(
                f"{entry.name}: the hash of {file.name} is unknown, so it is not auto-downloaded; "
                f"pull it with --trust, or put it into {self._best_folder()}"
            )
        # Needed only for downloads.
        import pooch

        from framewire.models.store.download import ResumingDownloader

        # It logs each attempt; we report the outcome.
        pooch.get_logger().setLevel("CRITICAL")
        hash_or_none = f"sha256:{file.sha256}" if file.sha256 else None
        downloader = ResumingDownloader(self.cache, progress)
        source = pooch.create(
            path=self.cache, base_url="", registry={file.name: hash_or_none}, urls={file.name: file.url}
        )
        source.retry_if_failed = TRIES - 1
        try:
            path = Path(source.fetch(file.name, downloader=downloader))
        except Exception as error:
            # pooch lets through whatever its HTTP library raises.
            raise ModelMissingError(
                f"{entry.name}: {file.name} could not be downloaded ({_short(error)}); "
                f"get it from {file.url} and put it into {self._best_folder()}"
            ) from error
        self._verify(path, file)
        return path

    def _verify(self, path: Path, file: ModelFile) -> None:
        if file.sha256:
            verify(path, file)
            return
        known = self._trusted.get(file.name)
        if not known and self.trust:
            known = sha256_of(path)
            self._trusted.add(file.name, known)
        verify(path, msgspec.structs.replace(file, sha256=known))

    def _best_folder(self) -> Path:
        return self.folder or self.cache


def verify_all(store: ModelStore, entries: Sequence[ModelEntry]) -> Iterator[tuple[ModelEntry, str]]:
    """Each model with the state of its files: `good`, `not here`, `not trusted`, or what is wrong."""
    for entry in entries:
        try:
            yield entry, "good" if store.find(entry) is not None else "not here"
        except NotTrustedError:
            yield entry, "not trusted"
        except WrongFileError as error:
            yield entry, str(error)


def _short(error: Exception) -> str:
    text = str(error).split("\n", 1)[0]
    return f"{type(error).__name__}: {text}" if len(text) <= 200 else type(error).__name__
