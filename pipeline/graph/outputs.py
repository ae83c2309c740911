"""What a run writes meets neither what it reads nor what else it writes: checked before any file is opened."""

import glob
import os
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

from msgspec import Struct

from framewire.pipeline.document.config_error import ConfigError, Place
from framewire.pipeline.graph.path_template import PathTemplate

NAME_BYTES_MAX = 255
"""Linux' NAME_MAX: no usual file system takes a longer name for a file or a folder."""


class Output(Struct, frozen=True):
    """A file to be written. `path` is absolute and may have fields; `owner` is a sink, or an option of the command."""

    owner: str
    path: str
    shown: str
    place: Place
    cure: str = "give it another path, or set another folder with --out"


class Input(Struct, frozen=True):
    """A file to be read, a folder of pictures, or a glob. `path` is absolute; `owner` names who reads it."""

    owner: str
    path: str
    shown: str


def check_outputs(outputs: Sequence[Output], inputs: Sequence[Input]) -> None:
    """Raises ConfigError at the first output that would overwrite an input or another output."""
    taken: dict[Path, Output] = {}
    for output in outputs:
        _check_name(output)
        template = PathTemplate(output.path)
        if template.is_fixed and template.fixed.is_dir():
            raise ConfigError(
                output.place, f"{output.owner} would write to {output.shown}, which is a folder; name a file"
            )
        for read in inputs:
            if _meets(template, Path(read.path)):
                raise ConfigError(
                    output.place,
                    f"{output.owner} would write to {output.shown}, and {read.owner} reads {read.shown}; {output.cure}",
                )
        other = taken.setdefault(template.whole, output)
        if other.owner != output.owner:
            raise ConfigError(
                output.place,
                f"{output.owner} writes to {output.shown}, and so does {other.owner}; give each its own path",
            )


def _check_name(output: Output) -> None:
    if "\0" in output.path or not Path(output.shown).name:
        raise ConfigError(output.place, f"{output.owner} would write to {output.shown!r}, which names no file")
    for part in Path(output.path).parts:
        if len(os.fsencode(part)) > NAME_BYTES_MAX:
            raise ConfigError(
                output.place,
                f"{output.owner} would write to a file whose name has more than {NAME_BYTES_MAX} bytes "
                f"({part[:20]}...); shorten it",
            )


def _meets(template: PathTemplate, read: Path) -> bool:
    try:
        if read.is_dir():
            return template.may_be_in(read)
        if read.exists():
            return template.may_be(read)
        return glob.has_magic(str(read)) and _meets_glob(template, read)
    except (OSError, ValueError):
        # No path at all: an address too long for one, or with a `**` that no glob has.
        return False


def _meets_glob(template: PathTemplate, pattern: Path) -> bool:
    """Whether the file may be one that the glob finds, now or when the run looks again."""
    below = pattern.relative_to(pattern.anchor)
    if any(template.may_be(path) for path in Path(pattern.anchor).glob(str(below))):
        return True
    in_folder = not glob.has_magic(str(pattern.parent)) and template.may_be_in(pattern.parent)
    return in_folder and fnmatch(template.example.name, pattern.name)
