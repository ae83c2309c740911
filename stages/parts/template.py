"""Paths with `{field}` in them, as sinks name their files: where they lie, and which files may have come of one."""

from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path


def fixed_folder(template: str) -> Path:
    """The folder in or under which all files lie, known before the first."""
    return Path(*takewhile(lambda part: "{" not in part, Path(template).parent.parts))


def paths_like(folder: Path, template: str) -> Iterator[tuple[Path, str]]:
    """All paths under a folder as deep as the template's, each with how the template would write it."""
    fixed = fixed_folder(template)
    base = folder / fixed
    depth = len(Path(template).parts) - len(fixed.parts)
    for path in base.glob("/".join(["*"] * depth)):
        yield path, str(fixed / path.relative_to(base))
