"""Gives parts of files to the other end of a line: of those alone that were named to it, asked for by their hash."""

import os
from collections.abc import Iterable

from framewire.pipeline.line.lent_file import FileChangedError, FileHere, state_of
from framewire.pipeline.line.said import FileAsked, FilePart, FileRefused


class Lender:
    """The files that one other machine may have.

    Example:
        lender = Lender([file_here(Path("mine.onnx"))])
        lender.answer(FileAsked(sha256, 0, 2**18))        # its first part
    """

    def __init__(self, files: Iterable[FileHere] = ()) -> None:
        self._files = {file.sha256: file for file in files}

    def lend(self, file: FileHere) -> None:
        """From now on this file may be asked for, too."""
        self._files[file.sha256] = file

    def withdraw(self, sha256: str) -> None:
        """From now on it may not."""
        self._files.pop(sha256, None)

    def answer(self, asked: FileAsked) -> FilePart | FileRefused:
        """A part of the file, or why there is none."""
        file = self._files.get(asked.sha256)
        if file is None:
            return FileRefused(asked.sha256, f"no file of the hash {asked.sha256[:12]}... is lent in this run")
        try:
            return FilePart(asked.sha256, asked.offset, _part(file, asked))
        except FileChangedError as error:
            return FileRefused(asked.sha256, str(error))
        except OSError as error:
            return FileRefused(asked.sha256, f"{file.path} cannot be read any more: {error.strerror}")


def _part(file: FileHere, asked: FileAsked) -> bytes:
    """Raises FileChangedError, OSError."""
    with file.path.open("rb") as opened:
        data = os.pread(opened.fileno(), asked.count, asked.offset)
        if state_of(opened.fileno()) != file.state:
            raise FileChangedError(file.path)
        return data
