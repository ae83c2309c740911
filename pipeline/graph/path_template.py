"""A path with `{field}` in it, as sinks name their files: which files it may come to mean."""

import os
import re
import string
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path


class PathTemplate:
    """An absolute path whose fields are filled in while a run goes on.

    Example:
        PathTemplate("/out/{stream}/{part:03d}.mp4").may_be(Path("/out/door/007.mp4"))    # True
    """

    def __init__(self, text: str) -> None:
        parts = Path(text).parts
        known = list(takewhile(lambda part: "{" not in part, parts))
        self.fixed = _resolved(Path(*known))
        """What is certain of it: the file itself if there are no fields, else the folder that all of them lie under."""
        self.is_fixed = len(known) == len(parts)
        self._text = text
        self._rest = str(Path(*parts[len(known) :]))
        self._literals = _literals(self._rest)
        filled = ".+".join(map(re.escape, self._literals))
        self._regex = re.compile(re.escape(f"{self.fixed}{os.sep}") + filled, re.DOTALL)

    def may_be(self, path: Path) -> bool:
        """Whether it may mean this file or folder, by this name or another (a link)."""
        if self.is_fixed:
            return self.fixed == _resolved(path) or _is_same(self.fixed, path)
        if self._regex.fullmatch(str(_resolved(path))):
            return True
        return any(self._regex.fullmatch(str(other)) and _is_same(other, path) for other in self._existing())

    def existing(self) -> Iterator[Path]:
        """The files that it may mean, as they are called on disk."""
        if self.is_fixed:
            found = [self.fixed] if self.fixed.exists() else []
            yield from found
        else:
            yield from (path for path in self._existing() if self._regex.fullmatch(str(path)))

    def may_be_in(self, folder: Path) -> bool:
        """Whether it may mean a file that lies directly in this folder."""
        if self.is_fixed:
            return self.fixed.parent == _resolved(folder) or _is_same(self.fixed.parent, folder)
        return bool(self._regex.fullmatch(str(folder.resolve() / self.example.name)))

    @property
    def whole(self) -> Path:
        """The template without links in its fixed part: two that are the same mean the same files."""
        return self.fixed if self.is_fixed else self.fixed / self._rest

    @property
    def example(self) -> Path:
        """A path that it may mean: each field filled with one letter."""
        return Path(self._text) if self.is_fixed else self.fixed / "x".join(self._literals)

    @property
    def name_for_all(self) -> Path:
        """One path for all that it may mean, in the folder that they have in common: to lock them by."""
        return self.fixed if self.is_fixed else self.fixed / self._rest.replace(os.sep, "_")

    def _existing(self) -> Iterator[Path]:
        """Files under the folder, as deep as the template is; of a field with slashes in it, none."""
        depth = self._rest.count(os.sep) + 1
        return self.fixed.glob(str(Path(*["*"] * depth)))


def _literals(text: str) -> list[str]:
    """The text between the fields: one piece more than there are fields."""
    try:
        parsed = list(string.Formatter().parse(text))
    except ValueError:
        # No template after all: the sink will say so.
        return [text]
    pieces = [""]
    for literal, field, _, _ in parsed:
        pieces[-1] += literal
        if field is not None:
            pieces.append("")
    return pieces


def _is_same(one: Path, other: Path) -> bool:
    """Whether both exist and are one file: a hard link, or a link on the way."""
    try:
        return one.samefile(other)
    except OSError:
        return False


def _resolved(path: Path) -> Path:
    """Without links; as it is if a link leads to itself."""
    try:
        return path.resolve()
    except (OSError, RuntimeError):
        return path.absolute()
